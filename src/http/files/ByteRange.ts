/** Bytes `from` to `to` (exclusive). */
export interface ByteRange {
  readonly from: number
  readonly to: number
}

/**
 * What a Range header asks of a file (RFC 9110, section 14): one range, `unsatisfiable` for one beyond the file, undefined for
 * everything, which is also what several ranges and other units get.
 */
export const byteRange = (header: string | undefined, bytes: number): ByteRange | "unsatisfiable" | undefined => {
  const [whole, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? "") ?? []
  if (whole === undefined || (first === "" && last === "")) return undefined
  if (first === "") {
    const from = Math.max(0, bytes - Number(last))
    return from < bytes ? { from, to: bytes } : "unsatisfiable"
  }
  const from = Number(first)
  if (last !== "" && Number(last) < from) return undefined
  return from < bytes ? { from, to: last === "" ? bytes : Math.min(bytes, Number(last) + 1) } : "unsatisfiable"
}
