import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { bench } from "../../bench/Bench.ts"
import { binaryMedium } from "../../bench/fanout/BinaryMedium.ts"
import { boxOf, latE7Of, placeOf } from "../../bench/fanout/Place.ts"
import { readSource, sourceBytes } from "../../bench/fanout/SourceFrame.ts"
import { sinceStampMs, stampOf } from "../../bench/fanout/Stamp.ts"
import { encodeFrame } from "../../src/protocol/FrameCodec.ts"
import { FleetBoard } from "../../src/realtime/FleetBoard.ts"
import { positionsFrame } from "../../src/realtime/FleetView.ts"

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dropmate-bench-test-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Values by figure of the smallest bench there is. */
const tiny = async (suites: ReadonlyArray<string>, only: ReadonlyArray<string>): Promise<Map<string, number>> => {
  const resultsFile = join(folder, "results.ndjson")
  await bench({ suites, only, runs: 1, seconds: 0.4, scale: 0.01, resultsFile, print: () => {} })
  const lines = readFileSync(resultsFile, "utf8").trim().split("\n")
  return new Map(lines.map((line) => JSON.parse(line)).map((record) => [record.id, record.value]))
}

test("every carrier delivers all that was due, and a live map its positions", { timeout: 120_000 }, async () => {
  const values = await tiny(["fanout"], ["topics", "map", "map-paced"])
  for (const id of ["B8", "B8/rooms", "B8/redis", "B9", "B9/rooms", "B9/redis", "B9.own", "B10", "B10.product"]) {
    expect(values.get(id), id).toBeGreaterThan(0)
  }
})

test("a phone's points reach its customer while others are stored, and watchers are weighed", {
  timeout: 120_000
}, async () => {
  const values = await tiny(["latency", "fanout"], ["follow", "idle"])
  for (const id of ["B11.p50", "B11.p99", "B11.ratio"]) expect(values.get(id), id).toBeGreaterThan(0)
  // At this size a socket weighs less than a page of memory: it is weighed, whatever the answer.
  expect([...values.keys()]).toEqual(expect.arrayContaining(["rss.customer", "rss.dispatcher"]))
})

test("a due time survives its way through a longitude, over the stamp's turn too", () => {
  for (const dueMs of [0, 1.5, 536_870.9, 3_600_000.25]) {
    expect(sinceStampMs(stampOf(dueMs), dueMs + 12.5)).toBeCloseTo(12.5, 2)
    expect(stampOf(dueMs)).toBeLessThanOrEqual(1_800_000_000)
  }
})

test("what is asked of a contestant is read as it was meant", () => {
  for (const request of [
    { _tag: "Topic", subject: 7 },
    { _tag: "View", first: 100, count: 100, intervalMs: 200, edge: 3 },
    { _tag: "Move", first: 5, count: 2, stamp: stampOf(1_000) }
  ] as const) {
    const bytes = sourceBytes(request)
    expect(readSource(new Uint8Array(bytes).buffer)).toEqual(request)
  }
})

test("the watchers' light reader finds each due time in a round as the product encodes it", () => {
  const board = new FleetBoard("epoch")
  const stamps = [stampOf(10), stampOf(10), stampOf(20)]
  const handles = stamps.map((stamp, i) => {
    const subject = 300 + i * 200
    const handle = board.handleOf(`driver ${subject}`, "Driver")
    board.move(handle, placeOf(subject, stamp, 0).latE7, stamp, 9_000, 5, 6)
    return handle
  })
  const bytes = Buffer.from(encodeFrame(positionsFrame(board, handles, 1_800_000_000_123)))
  const heard: Array<readonly [stamp: number, count: number]> = []
  const made: Array<number | undefined> = []
  const silent = (): void => {}
  binaryMedium.read(bytes, 0, bytes.length, {
    ready: silent,
    welcomed: silent,
    say: silent,
    surprised: silent,
    framed: (_, madeAtMs) => made.push(madeAtMs),
    delivered: (stamp, count) => heard.push([stamp, count])
  })
  expect(heard).toEqual([
    [stampOf(10), 2],
    [stampOf(20), 1]
  ])
  expect(made).toEqual([1_800_000_000_123])
})

test("a group's box holds its own subjects and no others", () => {
  const board = new FleetBoard("epoch")
  const inside = [0, 99, 100, 199, 200].filter((subject) => {
    board.move(subject, latE7Of(subject), stampOf(0), 0, 0, 0)
    return board.isInside(subject, boxOf(100, 100, 50))
  })
  expect(inside).toEqual([100, 199])
})
