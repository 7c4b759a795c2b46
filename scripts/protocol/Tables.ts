import { endpointFrames } from "../../src/protocol/AsyncApi.ts"
import { closeReason, comesBack } from "../../src/protocol/CloseCode.ts"
import type { FrameDefinition } from "../../src/protocol/FrameSchema.ts"

const row = (...cells: ReadonlyArray<string | number>): string => `| ${cells.join(" | ")} |`

const fieldText = ({ name, description, isNilAllowed }: FrameDefinition["fields"][number]): string =>
  `\`${name}\`${isNilAllowed ? " or nil" : ""} (${description})`

const frameRows = (frames: ReadonlyArray<FrameDefinition>): ReadonlyArray<string> => [
  row("Frame", "Says", "Fields"),
  row("---", "---", "---"),
  ...frames.map((frame) => row(`${frame.type} ${frame.name}`, frame.summary, frame.fields.map(fieldText).join("; ")))
]

/** The tables of docs/PROTOCOL.md that are made from the schemas, by the name of their markers. */
export const protocolTables = (): ReadonlyMap<string, string> => {
  const tables = new Map<string, string>()
  for (const { name, client, server } of endpointFrames) {
    tables.set(`${name}-client`, frameRows(client).join("\n"))
    tables.set(`${name}-server`, frameRows(server).join("\n"))
  }
  const codes = Object.entries(closeReason).map(([code, reason]) =>
    row(code, `\`${reason}\``, comesBack(Number(code)) ? "come back" : "stay away")
  )
  tables.set("close-codes", [row("Code", "Reason", "What to do"), row("---", "---", "---"), ...codes].join("\n"))
  return tables
}

/** The text with each table between its markers replaced by the current one. */
export const withProtocolTables = (text: string): string => {
  let current = text
  for (const [name, table] of protocolTables()) {
    const [begin, end] = [`<!-- protocol:${name} -->`, `<!-- /protocol:${name} -->`]
    const [from, to] = [current.indexOf(begin), current.indexOf(end)]
    if (from < 0 || to < from) throw new Error(`docs/PROTOCOL.md has no markers ${begin} ${end}`)
    current = `${current.slice(0, from + begin.length)}\n${table}\n${current.slice(to)}`
  }
  return current
}
