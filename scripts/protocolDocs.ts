import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { asyncApi } from "../src/protocol/AsyncApi.ts"
import { withProtocolTables } from "./protocol/Tables.ts"
import { vectors } from "./protocol/Vectors.ts"

const file = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))
const read = (path: string): string => {
  try {
    return readFileSync(file(path), "utf8")
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return ""
    throw error
  }
}

/** The generated protocol documents that are out of date, with the text that they should have: tables, AsyncAPI and vectors. */
export const staleProtocolDocs = (): ReadonlyArray<readonly [path: string, text: string]> => {
  const { version } = JSON.parse(read("package.json")) as { readonly version: string }
  const lines = vectors().map((vector) => `  ${JSON.stringify(vector)}`)
  const current: Readonly<Record<string, string>> = {
    "docs/PROTOCOL.md": withProtocolTables(read("docs/PROTOCOL.md")),
    "docs/asyncapi.json": `${JSON.stringify(asyncApi(version), null, 2)}\n`,
    "docs/protocol-vectors.json": `[\n${lines.join(",\n")}\n]\n`
  }
  return Object.entries(current).filter(([path, text]) => read(path) !== text)
}

/** Writes what is out of date; answers the paths. */
export const writeProtocolDocs = (): ReadonlyArray<string> =>
  staleProtocolDocs().map(([path, text]) => {
    writeFileSync(file(path), text)
    return path
  })
