import { encode } from "@msgpack/msgpack"
import { decodeFrame } from "../../src/protocol/FrameCodec.ts"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { type Dialect, nothing, type Reply } from "./Dialect.ts"
import { clientFrame, frameHead } from "./RawSocket.ts"
import type { Track } from "./Track.ts"

const speedCms = 1_100
const headingCdeg = 4_500
const accuracyCm = 500
const battery = 80
const two32 = 4_294_967_296

/** A frame whose changing numbers are written in place, each in the widest form its field ever needs. */
interface Template {
  readonly bytes: Buffer
  readonly seqAt: number
  readonly timeAt: number
  readonly latAt: number
  readonly lngAt: number
}

/** Stands for a number that is written later: uint32, uint64 and int32 have their marker and full width. */
const uint32 = Buffer.of(0xce, 0, 0, 0, 0)
const uint64 = Buffer.of(0xcf, 0, 0, 0, 0, 0, 0, 0, 0)
const int32 = Buffer.of(0xd2, 0, 0, 0, 0)

const build = (
  parts: ReadonlyArray<Buffer>,
  places: { seq: number; time: number; lat: number; lng: number }
): Template => {
  const payload = Buffer.concat(parts)
  const head = frameHead(payload.length, true)
  const placeOf = (index: number): number =>
    head.length + parts.slice(0, index).reduce((sum, part) => sum + part.length, 0) + 1
  return {
    bytes: Buffer.concat([head, payload]),
    seqAt: placeOf(places.seq),
    timeAt: placeOf(places.time),
    latAt: placeOf(places.lat),
    lngAt: placeOf(places.lng)
  }
}

const packed = (value: unknown): Buffer => Buffer.from(encode(value))

const pointTemplate = (): Template =>
  build(
    [
      Buffer.of(0x9a, DriverClientFrame.point),
      uint32,
      uint64,
      int32,
      int32,
      ...[speedCms, headingCdeg, accuracyCm, battery, 0].map(packed)
    ],
    { seq: 1, time: 2, lat: 3, lng: 4 }
  )

/** An array whose first value is absolute, written in place, and whose others are steps of one. */
const steps = (points: number): ReadonlyArray<Buffer> => [
  points < 16 ? Buffer.of(0x90 | points) : Buffer.of(0xdc, points >> 8, points & 0xff),
  int32,
  Buffer.alloc(points - 1, 1)
]

const batchTemplate = (points: number): Template => {
  const each = (value: number): Buffer => packed(Array.from({ length: points }, () => value))
  const dt = packed(Array.from({ length: points }, (_, i) => (i === 0 ? 0 : 1)))
  return build(
    [
      Buffer.of(0x9b, DriverClientFrame.batch),
      uint32,
      uint64,
      dt,
      ...steps(points),
      ...steps(points),
      ...[speedCms, headingCdeg, accuracyCm].map(each),
      ...[battery, 0].map(packed)
    ],
    { seq: 1, time: 2, lat: 5, lng: 8 }
  )
}

const readUint = (bytes: Buffer, at: number): number => {
  const first = bytes[at] as number
  if (first < 0x80) return first
  if (first === 0xcc) return bytes[at + 1] as number
  if (first === 0xcd) return bytes.readUInt16BE(at + 1)
  if (first === 0xce) return bytes.readUInt32BE(at + 1)
  return bytes.readUInt32BE(at + 1) * two32 + bytes.readUInt32BE(at + 5)
}

/** The product's own wire (`/v1/driver`, MessagePack): POINT frames, or BATCH frames of `framePoints`. */
export const messagePackDialect = (framePoints: number): Dialect => {
  const template = framePoints === 1 ? pointTemplate() : batchTemplate(framePoints)
  const { bytes: model, seqAt, timeAt, latAt, lngAt } = template
  return {
    path: "/v1/driver",
    frameBytes: model.length,
    greeting: ({ token, deviceId }) =>
      clientFrame(encode([DriverClientFrame.hello, 1, token, deviceId, "android", "bench", null, null]), true),
    write: (track: Track, bytes, at, now) => {
      track.advance(framePoints, now)
      bytes.set(model, at)
      bytes.writeUInt32BE(track.seq, at + seqAt)
      const high = Math.floor(track.recordedAt / two32)
      bytes.writeUInt32BE(high, at + timeAt)
      bytes.writeUInt32BE(track.recordedAt - high * two32, at + timeAt + 4)
      bytes.writeInt32BE(track.latE7, at + latAt)
      bytes.writeInt32BE(track.lngE7, at + lngAt)
      track.finish()
      return at + model.length
    },
    read: (bytes, start, end): Reply => {
      if (bytes[start + 1] === DriverServerFrame.ack) return { _tag: "Acked", seq: readUint(bytes, start + 2) }
      if (bytes[start + 1] === DriverServerFrame.tasks) return nothing
      const frame = decodeFrame(bytes.subarray(start, end), 4)
      if (!Array.isArray(frame)) return { _tag: "Surprise", text: "an unreadable frame" }
      if (frame[0] === DriverServerFrame.welcome) return { _tag: "Welcome", ackedSeq: Number(frame[2]) }
      if (frame[0] === DriverServerFrame.credit) return { _tag: "Credit", window: Number(frame[1]) }
      return { _tag: "Surprise", text: JSON.stringify([frame[0], ...frame.slice(2, 4)]) }
    }
  }
}
