import { decode } from "@msgpack/msgpack"
import { decodeFrame, MalformedFrame } from "../../src/protocol/FrameCodec.ts"
import { PointBlock } from "../../src/protocol/PointBlock.ts"
import { readPointFrame } from "../../src/protocol/PointFrames.ts"
import { PointReader } from "../../src/protocol/PointReader.ts"
import type { BenchOptions } from "../BenchOptions.ts"
import { type Figure, figure } from "../Figure.ts"
import { messagePackDialect } from "../load/MessagePackDialect.ts"
import { Track } from "../load/Track.ts"
import { isWanted, type Suite } from "../Suite.ts"

const block = new PointBlock(500)
const reader = new PointReader(block)
const depthMax = 4

type Reading = (payload: Uint8Array, json: string) => void

/** Ways from bytes to numbers, each to its end: a filled block, or for the plain decoders the values that would fill one. */
const readings: Readonly<Record<string, Reading>> = {
  "PointReader (bytes to columns)": (payload) => {
    if (!reader.read(payload)) throw new Error("PointReader did not read a sound frame")
  },
  "FrameCodec + readPointFrame": (payload) => {
    const frame = decodeFrame(payload, depthMax)
    if (frame instanceof MalformedFrame || readPointFrame(frame, block) !== undefined)
      throw new Error("a sound frame was refused")
  },
  "@msgpack/msgpack decode alone": (payload) => void decode(payload),
  "JSON.parse alone": (_, json) => void JSON.parse(json)
}

/** Different frames, so that no reader lives off one branch history; few enough to stay in the cache. */
const frameCount = 512
const headBytesOf = (bytes: Buffer): number => (((bytes[1] as number) & 0x7f) === 126 ? 8 : 6)

const framesOf = (points: number): ReadonlyArray<{ readonly payload: Uint8Array; readonly json: string }> => {
  const dialect = messagePackDialect(points)
  const track = new Track(1, Date.now())
  return Array.from({ length: frameCount }, () => {
    const bytes = Buffer.alloc(dialect.frameBytes)
    dialect.write(track, bytes, 0, Date.now())
    const payload = new Uint8Array(bytes.subarray(headBytesOf(bytes)))
    return { payload, json: JSON.stringify(decode(payload)) }
  })
}

/** Nanoseconds a point over about `ms` milliseconds. */
const timeReading = (read: Reading, frames: ReturnType<typeof framesOf>, points: number, ms: number): number => {
  const began = performance.now()
  let passes = 0
  while (performance.now() - began < ms) {
    for (const { payload, json } of frames) read(payload, json)
    passes++
  }
  return ((performance.now() - began) * 1e6) / (passes * frames.length * points)
}

const decodeFrames = (points: number, options: BenchOptions): ReadonlyArray<Figure> => {
  const frames = framesOf(points)
  const ms = options.seconds * 100
  const entries = Object.entries(readings)
  for (const [, read] of entries) timeReading(read, frames, points, ms)
  const runs = entries.map((): Array<number> => [])
  for (let run = 0; run < options.runs; run++) {
    entries.forEach(([, read], i) => {
      runs[i]?.push(timeReading(read, frames, points, ms))
    })
  }
  return entries.map(([name], i) =>
    figure({
      id: `decode/${points}`,
      what: `${name}, ${points} point(s) a frame`,
      unit: "ns/point",
      runs: runs[i] ?? [],
      context: {
        framePoints: points,
        frameBytes: frames[0]?.payload.length ?? 0,
        jsonBytes: frames[0]?.json.length ?? 0
      }
    })
  )
}

/** What the hand-written frame reader is worth beside the general ones. */
export const decodeSuite: Suite = {
  what: "bytes of POINT and BATCH to numbers, by every reader there is",
  scenarios: ["point", "batch"],
  run: async (_stage, options) => [
    ...(isWanted(options, "point") ? decodeFrames(1, options) : []),
    ...(isWanted(options, "batch") ? decodeFrames(10, options) : [])
  ]
}
