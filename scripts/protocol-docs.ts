import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { asyncApi } from "../src/protocol/AsyncApi.ts"
import { withProtocolTables } from "./protocol/Tables.ts"
import { vectors } from "./protocol/Vectors.ts"

// Writes docs/PROTOCOL.md's tables, docs/asyncapi.json and docs/protocol-vectors.json from the schemas. With --check it writes nothing and names what is not current.
const file = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))
const read = (path: string): string => {
  try {
    return readFileSync(file(path), "utf8")
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return ""
    throw error
  }
}

const { version } = JSON.parse(read("package.json")) as { readonly version: string }
const lines = vectors().map((vector) => `  ${JSON.stringify(vector)}`)
const current: Readonly<Record<string, string>> = {
  "docs/PROTOCOL.md": withProtocolTables(read("docs/PROTOCOL.md")),
  "docs/asyncapi.json": `${JSON.stringify(asyncApi(version), null, 2)}\n`,
  "docs/protocol-vectors.json": `[\n${lines.join(",\n")}\n]\n`
}
const stale = Object.entries(current).filter(([path, text]) => read(path) !== text)
const isCheck = process.argv.includes("--check")
for (const [path, text] of stale) {
  if (!isCheck) writeFileSync(file(path), text)
  process.stdout.write(`${path} ${isCheck ? "is not current: run node scripts/protocol-docs.ts" : "written"}\n`)
}
if (isCheck && stale.length > 0) process.exitCode = 1
