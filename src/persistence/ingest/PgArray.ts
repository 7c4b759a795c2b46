import type { UuidWords } from "./UuidWords.ts"

/**
 * Array parameters in PostgreSQL's binary format (array_recv): one dimension, lower bound 1. NaN is NULL.
 * A thousand cursors are thirteen of these; as text they would be parsed digit by digit on both sides.
 */
const headerBytes = 20
const two32 = 4_294_967_296
const postgresEpochMs = 946_684_800_000

const oid = { uuid: 2950, int4: 23, int8: 20, float4: 700, float8: 701, timestamptz: 1184, text: 25 } as const

const begin = (count: number, elementOid: number, size: number): DataView => {
  const view = new DataView(new ArrayBuffer(headerBytes + count * (4 + size)))
  view.setInt32(0, count === 0 ? 0 : 1)
  view.setInt32(4, 1)
  view.setInt32(8, elementOid)
  view.setInt32(12, count)
  view.setInt32(16, 1)
  return view
}

type NumberAt = (index: number) => number

const fixedArray = (
  count: number,
  elementOid: number,
  size: number,
  read: NumberAt,
  write: (view: DataView, at: number, value: number) => void
): Uint8Array => {
  const view = begin(count, elementOid, size)
  let at = headerBytes
  for (let i = 0; i < count; i++) {
    const value = read(i)
    if (Number.isNaN(value)) {
      view.setInt32(at, -1)
      at += 4
    } else {
      view.setInt32(at, size)
      write(view, at + 4, value)
      at += 4 + size
    }
  }
  return new Uint8Array(view.buffer, 0, at)
}

const putInt64 = (view: DataView, at: number, value: number): void => {
  const high = Math.floor(value / two32)
  view.setInt32(at, high)
  view.setUint32(at + 4, value - high * two32)
}

export const int4Array = (count: number, read: NumberAt): Uint8Array =>
  fixedArray(count, oid.int4, 4, read, (view, at, value) => view.setInt32(at, value))

export const int8Array = (count: number, read: NumberAt): Uint8Array => fixedArray(count, oid.int8, 8, read, putInt64)

export const float4Array = (count: number, read: NumberAt): Uint8Array =>
  fixedArray(count, oid.float4, 4, read, (view, at, value) => view.setFloat32(at, value))

export const float8Array = (count: number, read: NumberAt): Uint8Array =>
  fixedArray(count, oid.float8, 8, read, (view, at, value) => view.setFloat64(at, value))

/** Unix milliseconds as timestamptz. */
export const timeArray = (count: number, read: NumberAt): Uint8Array =>
  fixedArray(count, oid.timestamptz, 8, read, (view, at, value) => putInt64(view, at, (value - postgresEpochMs) * 1000))

export const uuidArray = (count: number, read: (index: number) => UuidWords): Uint8Array => {
  const view = begin(count, oid.uuid, 16)
  let at = headerBytes
  for (let i = 0; i < count; i++) {
    view.setInt32(at, 16)
    read(i).put(view, at + 4)
    at += 20
  }
  return new Uint8Array(view.buffer, 0, at)
}

export const textArray = (count: number, read: (index: number) => string): Uint8Array => {
  const texts = Array.from({ length: count }, (_, i) => Buffer.from(read(i)))
  const bytes = Buffer.alloc(headerBytes + texts.reduce((sum, text) => sum + 4 + text.length, 0))
  bytes.set(new Uint8Array(begin(0, oid.text, 0).buffer))
  bytes.writeInt32BE(count === 0 ? 0 : 1, 0)
  bytes.writeInt32BE(count, 12)
  let at = headerBytes
  for (const text of texts) {
    bytes.writeInt32BE(text.length, at)
    text.copy(bytes, at + 4)
    at += 4 + text.length
  }
  return bytes
}
