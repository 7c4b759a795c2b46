import { idOf } from "./GoodRows.ts"

const later = (text: string, ms: number): string => new Date(Date.parse(text) + ms).toISOString()

/** Another value of the same column, which CHECKs that let the first one in let in too. `labels` are those of an enum. */
export const otherThan = (value: unknown, type: string, labels: ReadonlyArray<string>): unknown => {
  if (value === null || value === undefined) return value
  if (labels.length > 0) return labels.find((label) => label !== value)
  switch (type) {
    case "uuid":
      return idOf(7_777)
    case "smallint":
    case "integer":
    case "bigint":
      return Number(value) + 1_000
    case "bytea":
      return `\\x${"cd".repeat(32)}`
    case "date":
      return later(String(value), 86_400_000).slice(0, 10)
    // A whole hour, an hour later: hours are keys too.
    case "timestamp with time zone":
      return later(String(value), 3_600_000)
    case "text":
      return `${value}2`
    default:
      throw new Error(`no other value is known for a key of type ${type}`)
  }
}
