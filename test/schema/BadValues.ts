/** Values that rules on one column tend to refuse, by the column's type. `labels` are those of an enum. */
export const candidatesOf = (type: string, labels: ReadonlyArray<string>): ReadonlyArray<unknown> => {
  if (labels.length > 0) return [...labels, null]
  switch (type) {
    case "text":
    case "character":
    case "character varying":
      return ["", "!", "X", "A@B", "xx", "x".repeat(5_001), null]
    case "smallint":
      return [-1, 0, 101, 30_000, null]
    case "integer":
    case "bigint":
      return [-1, 0, 1_000, 99_999_999, null]
    case "numeric":
      return [-1, 0, 1_000_000, null]
    case "real":
    case "double precision":
      return [-1, 0, 400, -400, 91, "Infinity", null]
    case "timestamp with time zone":
      return [null, "1999-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "2026-01-01T10:30:00Z"]
    case "bytea":
      return ["\\x", "\\x00", null]
    case "jsonb":
      return [[], 1, {}, { type: "Point" }, null]
    case "uuid":
      return [null]
    case "interval":
      return ["1 second"]
    case "text[]":
      return [[], ["!"]]
    case "boolean":
      return [true, false]
    default:
      return [null]
  }
}
