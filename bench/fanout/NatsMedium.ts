import { encodeFrame } from "../../src/protocol/FrameCodec.ts"
import { TrackingServerFrame } from "../../src/protocol/FrameType.ts"
import type { Medium } from "./Medium.ts"
import { latE7Of } from "./Place.ts"

const stampAt = 17
const lineEnd = Buffer.from("\r\n")

/** NATS: a NATS subject for each of ours; the source encodes, and its frames are those of bare uWebSockets. */
export const natsMedium: Medium = {
  path: "",
  greeting: Buffer.from('CONNECT {"verbose":false,"pedantic":false,"echo":false,"lang":"node","version":"0"}\r\n'),
  awaitsWelcome: false,
  watch: (watch) => {
    const [first, count] = watch._tag === "Topic" ? [watch.subject, 1] : [watch.first, watch.count]
    // What answers PING has subscribed to all.
    return Buffer.from(`${Array.from({ length: count }, (_, i) => `SUB ${first + i} ${i + 1}\r\n`).join("")}PING\r\n`)
  },
  move: (first, count, stamp) =>
    Buffer.concat(
      Array.from({ length: count }, (_, i) => {
        const place = [Date.now(), latE7Of(first + i), stamp, 1_100, 9_000, first + i]
        const frame = encodeFrame([TrackingServerFrame.position, ...place])
        return [Buffer.from(`PUB ${first + i} ${frame.length}\r\n`), frame, lineEnd]
      }).flat()
    ),
  read: (bytes, start, end, on) => {
    on.framed(end - start, undefined)
    on.delivered(bytes.readUInt32BE(start + stampAt), 1)
  }
}
