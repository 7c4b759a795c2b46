import { encodeFrame } from "../../src/protocol/FrameCodec.ts"
import { TrackingServerFrame } from "../../src/protocol/FrameType.ts"
import type { Medium } from "./Medium.ts"
import { latE7Of } from "./Place.ts"

const stampAt = 17

const command = (...words: ReadonlyArray<string | Uint8Array>): Buffer =>
  Buffer.concat([
    Buffer.from(`*${words.length}\r\n`),
    ...words.flatMap((word) => {
      const bytes = Buffer.from(word)
      return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n")]
    })
  ])

/** Redis pub/sub: a channel a subject; the source encodes, and its frames are those of bare uWebSockets. `password` is the server's. */
export const redisMedium = (password: string): Medium => ({
  path: "",
  greeting: command("AUTH", password),
  awaitsWelcome: false,
  watch: (watch) => {
    const [first, count] = watch._tag === "Topic" ? [watch.subject, 1] : [watch.first, watch.count]
    // What answers PING has subscribed to all.
    return Buffer.concat([
      command("SUBSCRIBE", ...Array.from({ length: count }, (_, i) => String(first + i))),
      command("PING")
    ])
  },
  move: (first, count, stamp) =>
    Buffer.concat(
      Array.from({ length: count }, (_, i) => {
        const place = [Date.now(), latE7Of(first + i), stamp, 1_100, 9_000, first + i]
        return command("PUBLISH", String(first + i), encodeFrame([TrackingServerFrame.position, ...place]))
      })
    ),
  read: (bytes, start, end, on) => {
    on.framed(end - start, undefined)
    on.delivered(bytes.readUInt32BE(start + stampAt), 1)
  }
})
