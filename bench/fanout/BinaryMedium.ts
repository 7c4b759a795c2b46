import { FleetServerFrame, TrackingServerFrame } from "../../src/protocol/FrameType.ts"
import { clientFrame } from "../load/RawSocket.ts"
import type { Medium, WatchEvents } from "./Medium.ts"
import { sourceBytes } from "./SourceFrame.ts"

const two32 = 2 ** 32
/** A position's longitude follows its head, its type, nine bytes of time, five of latitude and the marker of an uint32. */
const stampAt = 17
const watchingLength = 1

/** Length of the array at `at` and where its first element begins. */
const arrayAt = (bytes: Buffer, at: number): readonly [count: number, next: number] => {
  const head = bytes[at] as number
  if (head === 0xdc) return [bytes.readUInt16BE(at + 1), at + 3]
  if (head === 0xdd) return [bytes.readUInt32BE(at + 1), at + 5]
  return [head & 0x0f, at + 1]
}

const afterUint = (bytes: Buffer, at: number): number => {
  const head = bytes[at] as number
  if (head < 0x80) return at + 1
  return at + (head === 0xcc ? 2 : head === 0xcd ? 3 : 5)
}

/** A round of a live map, column by column: [type, now, handles[], lat[], lng[], ...]. Only the longitudes are looked at. */
const readRound = (bytes: Buffer, start: number, end: number, on: WatchEvents): void => {
  const madeAtMs = bytes.readUInt32BE(start + 3) * two32 + bytes.readUInt32BE(start + 7)
  const [count, handles] = arrayAt(bytes, start + 11)
  let at = handles
  for (let i = 0; i < count; i++) at = afterUint(bytes, at)
  const [, latitudes] = arrayAt(bytes, at)
  const [, longitudes] = arrayAt(bytes, latitudes + 5 * count)
  on.framed(end - start, madeAtMs)
  const stamp = (i: number): number => bytes.readUInt32BE(longitudes + 5 * i + 1)
  // Mostly a group has moved as one.
  let from = 0
  for (let i = 1; i <= count; i++) {
    if (i < count && stamp(i) === stamp(from)) continue
    on.delivered(stamp(from), i - from)
    from = i
  }
}

/** The product's frames, and bare uWebSockets, which publishes the same ones. */
export const binaryMedium: Medium = {
  path: "/",
  greeting: undefined,
  awaitsWelcome: false,
  watch: (watch) => clientFrame(sourceBytes(watch), true),
  move: (first, count, stamp) => clientFrame(sourceBytes({ _tag: "Move", first, count, stamp }), true),
  read: (bytes, start, end, on) => {
    if (end - start === watchingLength) return on.ready()
    const fields = (bytes[start] as number) & 0x0f
    const type = bytes[start + 1]
    // Positions of an order have six or seven fields, rounds of a map eight; the numbers of their types overlap others'.
    if (type === TrackingServerFrame.position && fields >= 6) {
      on.framed(end - start, undefined)
      return on.delivered(bytes.readUInt32BE(start + stampAt), 1)
    }
    if (type === FleetServerFrame.positions && fields === 8) return readRound(bytes, start, end, on)
    if (type === FleetServerFrame.snapshot) return on.ready()
    if (type === FleetServerFrame.goodbye) on.surprised(`GOODBYE ${bytes.toString("latin1", start + 2, end)}`)
  }
}
