/**
 * The few frontend messages of PostgreSQL's extended protocol (version 3.0, "Message Formats") that the ingest pipeline
 * sends. `pg` has connected and authenticated; it also reads the answers.
 */
const chars = (text: string): Buffer => Buffer.from(`${text}\0`)

const message = (type: string, ...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const size = parts.reduce((sum, part) => sum + part.length, 4)
  const bytes = Buffer.allocUnsafe(1 + size)
  bytes.write(type, 0, "latin1")
  bytes.writeInt32BE(size, 1)
  let at = 5
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

const int16 = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(2)
  bytes.writeInt16BE(value)
  return bytes
}

const int32 = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** Prepares a named statement; the server infers the parameter types from the casts in it. */
export const parse = (name: string, sql: string): Buffer => message("P", chars(name), chars(sql), int16(0))

const noParameters = Buffer.concat([int16(0), int16(0), int16(0)])

/** Binds parameters, all in binary, to a named statement and runs it. */
export const execute = (name: string, parameters: ReadonlyArray<Uint8Array> = []): Buffer => {
  const bound =
    parameters.length === 0
      ? message("B", chars(""), chars(name), noParameters)
      : message(
          "B",
          chars(""),
          chars(name),
          int16(1),
          int16(1),
          int16(parameters.length),
          ...parameters.flatMap((parameter) => [int32(parameter.length), parameter]),
          int16(0)
        )
  return Buffer.concat([bound, message("E", chars(""), int32(0))])
}

/** Head of a CopyData message whose payload of `length` bytes follows. */
export const copyDataHead = (length: number): Buffer => {
  const bytes = Buffer.allocUnsafe(5)
  bytes.write("d", 0, "latin1")
  bytes.writeInt32BE(length + 4, 1)
  return bytes
}

export const copyDone: Buffer = message("c")
export const sync: Buffer = message("S")

/** One bigint parameter. */
export const int8 = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}
