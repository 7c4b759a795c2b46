import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import type { Vector } from "../../scripts/protocol/Vectors.ts"
import { decodeFrame, decodeJsonFrame, MalformedFrame } from "../../src/protocol/FrameCodec.ts"
import { PointBlock } from "../../src/protocol/PointBlock.ts"
import { readPointFrame } from "../../src/protocol/PointFrames.ts"
import { PointReader } from "../../src/protocol/PointReader.ts"
import { type EngineUnderTest, startEngine } from "../kit/EngineUnderTest.ts"
import { type Random, runSeed, seeded } from "../kit/LooseEncoding.ts"
import { promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { signIn, soundPoint } from "../kit/SignedIn.ts"
import { helloFrame, WireClient } from "../kit/WireClient.ts"

const seed = runSeed()
const inProcess = promiseSize({ ci: 150_000, nightly: 1_000_000 })
const onWire = promiseSize({ ci: 1_500, nightly: 100_000 })

const corpus = (
  JSON.parse(
    readFileSync(join(import.meta.dirname, "../../docs/protocol-vectors.json"), "utf8")
  ) as ReadonlyArray<Vector>
).map(({ hex }) => Buffer.from(hex, "hex"))

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

let engine: EngineUnderTest
beforeAll(async () => {
  engine = await startEngine()
})
afterAll(() => engine.drop())

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

it(`no frame on the wire crashes the server; the third bad one closes with 4500 and others go on (PROMISE_SEED=${seed}, ${onWire} frames)`, async () => {
  const random = seeded(seed + 1)
  const honest = await signIn(engine, await engine.driver())
  const unhandled: Array<unknown> = []
  const note = (reason: unknown): void => void unhandled.push(reason)
  process.on("unhandledRejection", note)
  const driver = await engine.driver()
  const codes = new Map<number, number>()
  let sent = 0
  for (let attempt = 1; sent < onWire; attempt++) {
    const isJson = random() < 0.3
    const protocols = isJson ? ["dropmate.json"] : []
    const { phone } = await signIn(engine, driver, { attempt, deviceId: `fuzz-${attempt % 5}` }, protocols)
    for (let i = 0; i < 40 && sent < onWire && phone.closed === undefined; i++, sent++) phone.sendBytes(fuzzed(random))
    for (let i = 0; i < 3; i++) phone.sendBytes(Uint8Array.of(0xc1))
    const code = await phone.closeCode()
    codes.set(code, (codes.get(code) ?? 0) + 1)
  }
  reportPromise("P25", { seed, onWire: sent, closes: Object.fromEntries(codes) })
  // A fuzzed AUTH or HELLO may be what closes first.
  for (const code of codes.keys()) expect([4500, 4501, 4004, 4504, 4505, 4503]).toContain(code)
  expect(codes.get(4500) ?? 0).toBeGreaterThan(0)
  honest.phone.send(soundPoint(1))
  await honest.phone.acked(1)
  const newcomer = await WireClient.open(`${engine.url}/v1/driver`)
  newcomer.send(helloFrame({ token: await engine.token(await engine.driver()) }))
  await newcomer.next(32)
  process.off("unhandledRejection", note)
  expect(unhandled).toEqual([])
  await Promise.all([honest.phone.close(), newcomer.close()])
}, 600_000)
