import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it, onTestFinished } from "vitest"
import type { Vector } from "../../scripts/protocol/Vectors.ts"
import { RestClient } from "../../src/client/RestClient.ts"
import { decodeFrame, decodeJsonFrame, encodeFrame, type Frame, MalformedFrame } from "../../src/protocol/FrameCodec.ts"
import { PointBlock } from "../../src/protocol/PointBlock.ts"
import { readPointFrame } from "../../src/protocol/PointFrames.ts"
import { PointReader } from "../../src/protocol/PointReader.ts"
import { fleetFrame } from "../kit/FleetWatch.ts"
import { type LoopReport, loopReport, watchedLoop } from "../kit/LoopReport.ts"
import { type Random, runSeed, seeded } from "../kit/LooseEncoding.ts"
import { promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { processAdmin, ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { TrackedOrders } from "../kit/TrackedOrders.ts"
import { trackFrame } from "../kit/TrackingWatch.ts"
import { helloFrame, WireClient } from "../kit/WireClient.ts"

const seed = runSeed()
const inProcess = promiseSize({ ci: 150_000, nightly: 1_000_000 })
const onWire = promiseSize({ ci: 4_000, nightly: 100_000 })
/** Sent first, so that what is compiled and cached once does not count as kept. */
const warmUpFrames = 1_000
const keptBytesMax = 16 * 1024 * 1024
const busyMsMax = 1_000

const corpus = (
  JSON.parse(
    readFileSync(join(import.meta.dirname, "../../docs/protocol-vectors.json"), "utf8")
  ) as ReadonlyArray<Vector>
).map(({ hex }) => Buffer.from(hex, "hex"))
for (const frame of [
  trackFrame({ token: "dmt_x", epoch: "e", offset: 7, minIntervalMs: 500 }),
  fleetFrame({ token: "t", view: { bbox: [13, 52, 14, 53], interval_ms: 500 }, epoch: "e", offset: 7 }),
  [2, { bbox: [13, 52, 14, 53] }],
  [3, "t"]
]) {
  corpus.push(Buffer.from(encodeFrame(frame)))
}

const heads = [
  0x90, 0x92, 0x9b, 0xdc, 0xdd, 0x81, 0xde, 0xdf, 0xc0, 0xc4, 0xc7, 0xc9, 0xca, 0xcb, 0xcf, 0xd3, 0xd8, 0xdb, 0xff
]

/** A frame that is captured and changed, made of heads alone, or of any bytes. */
const fuzzed = (random: Random): Uint8Array => {
  const below = (n: number): number => Math.floor(random() * n)
  if (random() < 0.1) return Uint8Array.from({ length: below(64) }, () => below(256))
  if (random() < 0.1) return Uint8Array.from({ length: below(2_000) }, () => heads[below(heads.length)] as number)
  const bytes = [...(corpus[below(corpus.length)] as Buffer)]
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const at = below(bytes.length + 1)
    const kind = below(4)
    if (kind === 0) bytes[at] = below(256)
    else if (kind === 1) bytes.splice(at, 1 + below(4))
    else if (kind === 2) bytes.splice(at, 0, heads[below(heads.length)] as number)
    else bytes.splice(at, 0, ...(corpus[below(corpus.length)] as Buffer).subarray(0, 12))
  }
  return Uint8Array.from(bytes, (byte) => byte ?? 0)
}

it(`no frame makes the codec throw or keep memory (PROMISE_SEED=${seed}, ${inProcess} frames)`, () => {
  const random = seeded(seed)
  const block = new PointBlock(500)
  const reader = new PointReader(block)
  let malformed = 0
  const before = process.memoryUsage().arrayBuffers
  for (let i = 0; i < inProcess; i++) {
    const bytes = fuzzed(random)
    const frame = decodeFrame(bytes, 4)
    if (frame instanceof MalformedFrame) malformed++
    else if (frame[0] === 2 || frame[0] === 3) readPointFrame(frame, block)
    reader.read(bytes)
    decodeJsonFrame(bytes, 4)
  }
  reportPromise("P25", { seed, inProcess, malformed })
  expect(malformed).toBeGreaterThan(0)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024)
}, 600_000)

/** Where frames are sent, each with what a client that means well says first. */
interface Target {
  readonly url: string
  /** The frame that authenticates; fuzzed frames come after it or instead of it. */
  readonly greeting: () => Frame
}

/** Close codes that fuzzed frames may earn: a malformed third, or what a fuzzed HELLO, SUBSCRIBE or AUTH amounts to. */
const earned = [4500, 4501, 4503, 4004, 4504, 4505, 4506, 4507, 4508]

const targetsOf = async (server: ServerProcess, databaseUrl: string): Promise<ReadonlyArray<Target>> => {
  const rest = new RestClient({ url: server.url })
  const { access_token: staffToken } = await rest.signIn(processAdmin.email, processAdmin.password)
  const { id } = await rest.createDriver({ email: "fuzz@promise.example", name: "Fuzz" })
  const [token] = await rest.provisionTokens([id])
  const orders = await TrackedOrders.open(databaseUrl)
  onTestFinished(() => orders.close())
  const link = await orders.link(await orders.place())
  const base = `ws://127.0.0.1:${server.realtimePort}`
  let attempt = 0
  const driver = {
    url: `${base}/v1/driver`,
    greeting: () => {
      attempt++
      return helloFrame({ token: token?.access_token ?? "", attempt, deviceId: `fuzz-${attempt % 5}` })
    }
  }
  const track = { url: `${base}/v1/track`, greeting: () => trackFrame({ token: link.token }) }
  const fleet = { url: `${base}/v1/fleet`, greeting: () => fleetFrame({ token: staffToken }) }
  return [driver, track, driver, fleet]
}

const framesPerSocket = 40

/** Sends up to `count` frames over one socket, then three that nobody can read; answers how many and what it was closed with. */
const attack = async (target: Target, random: Random, count: number): Promise<{ sent: number; code: number }> => {
  const socket = await WireClient.open(target.url, { protocols: random() < 0.3 ? ["dropmate.json"] : [] })
  if (random() < 0.7) {
    socket.send(target.greeting())
    await socket.nextAny()
  }
  let sent = 0
  for (; sent < Math.min(count, framesPerSocket) && socket.closed === undefined; sent++)
    socket.sendBytes(fuzzed(random))
  for (let i = 0; i < 3; i++) socket.sendBytes(Uint8Array.of(0xc1))
  return { sent, code: await socket.closeCode() }
}

const liveBytes = ({ heapUsed, external }: LoopReport): number => heapUsed + external

it(`no frame on the wire of drivers, customers and dispatchers crashes the server, blocks its loop or stays in its memory (PROMISE_SEED=${seed}, ${onWire} frames)`, {
  timeout: 120_000 + onWire * 20
}, async () => {
  const random = seeded(seed + 1)
  const { databaseUrl, environment } = await serverServices()
  const server = await ServerProcess.start({ ...environment, ...watchedLoop })
  const { pid } = server
  const targets = await targetsOf(server, databaseUrl)
  const codes = new Map<number, number>()
  const flood = async (frames: number): Promise<number> => {
    let sent = 0
    for (let i = 0; sent < frames; i++) {
      const { sent: more, code } = await attack(targets[i % targets.length] as Target, random, frames - sent)
      sent += more
      codes.set(code, (codes.get(code) ?? 0) + 1)
    }
    return sent
  }
  await flood(warmUpFrames)
  const before = await loopReport(server)
  const sent = await flood(onWire)
  const after = await loopReport(server)
  const grownBytes = liveBytes(after) - liveBytes(before)
  reportPromise("P25", {
    seed,
    onWire: sent,
    closes: Object.fromEntries(codes),
    busyStalls: after.busyStalls,
    longestBusyMs: after.longestBusyMs,
    rssGrownMiB: Math.round((after.rss - before.rss) / 104_857.6) / 10,
    liveGrownMiB: Math.round(grownBytes / 104_857.6) / 10
  })
  for (const code of codes.keys()) expect(earned).toContain(code)
  expect(codes.get(4500) ?? 0).toBeGreaterThan(0)
  expect(server.pid).toBe(pid)
  expect(server.log().filter(({ level }) => level === "ERROR" || level === "")).toEqual([])
  expect(grownBytes).toBeLessThan(keptBytesMax)
  // Processor time of the loop's own thread, so other programs do not count; far above what is promised, far below what a bomb would take.
  expect(after.longestBusyMs).toBeLessThan(busyMsMax)
  for (const target of targets) {
    const newcomer = await WireClient.open(target.url)
    newcomer.send(target.greeting())
    await newcomer.next(32)
    await newcomer.close()
  }
})
