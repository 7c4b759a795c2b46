import { type Dialect, nothing, type Reply } from "./Dialect.ts"
import { clientFrame, frameHead } from "./RawSocket.ts"
import type { Track } from "./Track.ts"

/** Digits of a number that must not change a frame's length. */
const digits = (value: number, width: number): string => String(value).padStart(width, "0")

/** JSON has no leading zeros, so numbers are padded with the spaces that it allows. */
const padded = (value: number, width: number): string => String(value).padStart(width, " ")

const pointJson = (track: Track): string =>
  `{"seq":${padded(track.seq, 10)},"recordedAt":${track.recordedAt},"latE7":${padded(track.latE7, 11)},` +
  `"lngE7":${padded(track.lngE7, 11)},"speedCms":1100,"headingCdeg":4500,"accuracyCm":500,"battery":80,"source":"gps"}`

/** Every text frame here is this long at most; frames are small enough for a 16-bit length. */
const frameBytes = 320

const writeText = (text: string, bytes: Buffer, at: number): number => {
  const head = frameHead(text.length, false)
  bytes.set(head, at)
  return at + head.length + bytes.write(text, at + head.length, "latin1")
}

/** A field of flat JSON that holds a whole number; NaN when it is absent. */
const numberAfter = (text: string, key: string): number => {
  const at = text.indexOf(key)
  return at < 0 ? Number.NaN : Number.parseInt(text.slice(at + key.length), 10)
}

/** The plain rival: `ws`, one JSON object a point; its server answers `{"ack":seq}` after its INSERT. */
export const wsJsonDialect = (): Dialect => ({
  path: "/",
  frameBytes,
  greeting: ({ token }) => clientFrame(Buffer.from(JSON.stringify({ hello: token })), false),
  write: (track, bytes, at, now) => {
    track.advance(1, now)
    return writeText(pointJson(track), bytes, at)
  },
  read: (bytes, start, end): Reply => {
    const text = bytes.toString("latin1", start, end)
    const acked = numberAfter(text, '"ack":')
    if (!Number.isNaN(acked)) return { _tag: "Acked", seq: acked }
    return text.includes('"welcome"') ? { _tag: "Welcome", ackedSeq: 0 } : { _tag: "Surprise", text }
  }
})

/**
 * Socket.IO 4 over Engine.IO 4 on a plain WebSocket: `emit("point", {...}, ack)` is the packet `42<id>["point",{...}]`, its
 * acknowledgement `43<id>[...]`. Spoken by hand so that the rival's server, and not its client, is what is measured.
 */
export const socketIoDialect = (): Dialect => ({
  path: "/socket.io/?EIO=4&transport=websocket",
  frameBytes,
  greeting: ({ token }) => clientFrame(Buffer.from(`40${JSON.stringify({ token })}`), false),
  write: (track, bytes, at, now) => {
    track.advance(1, now)
    return writeText(`42${digits(track.seq, 9)}["point",${pointJson(track)}]`, bytes, at)
  },
  read: (bytes, start, end): Reply => {
    const text = bytes.toString("latin1", start, end)
    if (text.startsWith("43")) return { _tag: "Settled", points: 1 }
    if (text.startsWith("40")) return { _tag: "Welcome", ackedSeq: 0 }
    if (text === "2") return { _tag: "Say", bytes: clientFrame(Buffer.from("3"), false) }
    return text.startsWith("0") ? nothing : { _tag: "Surprise", text }
  }
})
