/** A row of a CSV text with the line it began on (from 1). */
export interface CsvRow {
  readonly line: number
  readonly fields: ReadonlyArray<string>
}

/** The text breaks RFC 4180 in a way that cannot be read over. */
export class CsvBroken extends Error {
  readonly line: number
  constructor(line: number, reason: string) {
    super(reason)
    this.name = "CsvBroken"
    this.line = line
  }
}

/** A quoted field may span lines; one that never ends would swallow the file. */
const fieldCharsMax = 65_536

/**
 * Reads CSV by RFC 4180 (quotes doubled inside quotes, CRLF or LF, a last line without an end) from text in pieces of any
 * size. Empty lines are skipped, a byte order mark is dropped.
 */
export async function* csvRows(pieces: AsyncIterable<string>): AsyncGenerator<CsvRow> {
  let line = 1
  let rowLine = 1
  let fields: Array<string> = []
  let field = ""
  let isQuoted = false
  /** Just after a quote inside a quoted field: another quote is a literal one, anything else ends the quoting. */
  let isAfterQuote = false
  let isFirst = true
  for await (const piece of pieces) {
    let from = 0
    if (isFirst && piece.startsWith("\uFEFF")) from = 1
    if (piece.length > 0) isFirst = false
    for (let i = from; i < piece.length; i++) {
      const char = piece.charAt(i)
      if (isQuoted) {
        if (isAfterQuote) {
          isAfterQuote = false
          if (char === '"') {
            field += '"'
            continue
          }
          isQuoted = false
        } else {
          if (char === '"') isAfterQuote = true
          else field += char
          if (char === "\n") line++
          if (field.length > fieldCharsMax)
            throw new CsvBroken(rowLine, `a field is longer than ${fieldCharsMax} characters`)
          continue
        }
      }
      if (char === ",") {
        fields.push(field)
        field = ""
      } else if (char === "\n") {
        fields.push(field)
        field = ""
        if (fields.length > 1 || fields[0] !== "") yield { line: rowLine, fields }
        fields = []
        line++
        rowLine = line
      } else if (char === '"' && field === "") isQuoted = true
      else if (char !== "\r") field += char
      if (field.length > fieldCharsMax)
        throw new CsvBroken(rowLine, `a field is longer than ${fieldCharsMax} characters`)
    }
  }
  if (isQuoted && !isAfterQuote) throw new CsvBroken(rowLine, "a quoted field is never closed")
  fields.push(field)
  if (fields.length > 1 || fields[0] !== "") yield { line: rowLine, fields }
}
