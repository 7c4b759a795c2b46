import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { bench, UnknownSuite } from "../../bench/Bench.ts"
import { figure, verdictOf } from "../../bench/Figure.ts"

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dropmate-bench-test-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** The smallest bench there is: a handful of sockets for a fraction of a second. */
const tiny = async (suite: string, only: ReadonlyArray<string>, seconds = 0.3) => {
  const resultsFile = join(folder, "results.ndjson")
  const printed: Array<string> = []
  await bench({
    suites: [suite],
    only,
    runs: 1,
    seconds,
    scale: 0.01,
    resultsFile,
    print: (text) => printed.push(text)
  })
  const records = readFileSync(resultsFile, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
  return { records, table: printed.join("\n") }
}

test("durable ingest, its bare COPY and every rival run and hold the gate", { timeout: 120_000 }, async () => {
  const { records, table } = await tiny("ingest", ["singles", "tens", "bare", "ws-json", "socket.io", "steady"])
  const valueOf = (id: string): number => records.find((record) => record.id === id)?.value
  for (const id of ["B1", "B1.rate", "B1.copy", "B2", "B3", "B3.rival", "B4", "wire.rival", "B5"]) {
    expect(valueOf(id), id).toBeGreaterThan(0)
  }
  expect(table).toContain("bare COPY BINARY")
  expect(records[0].settings.postgres).toMatchObject({ fsync: "on", synchronous_commit: "on" })
  expect(records[0].machine.commit).toBeTypeOf("string")
  // Not the promise's size, so neither kept nor broken.
  expect(records.some((record) => "verdict" in record)).toBe(false)
})

test("actors are weighed and readers timed without a database", { timeout: 60_000 }, async () => {
  const memory = await tiny("memory", ["actors"])
  expect(memory.records.map((record) => record.id)).toEqual(["B13", "B13.connected"])
  const decode = await tiny("decode", ["batch"])
  expect(decode.records.every((record) => record.value > 0)).toBe(true)
})

test("a hundredth of the history is loaded, read by its indexes, rolled up, and loses its oldest day", {
  timeout: 120_000
}, async () => {
  const { records } = await tiny("history", [])
  const of = (id: string) => records.find((record) => record.id === id)
  for (const record of records) expect(record.value, record.id).toBeGreaterThan(0)
  expect(of("history.load").context).toMatchObject({ drivers: 20, days: 10 })
  expect(of("history.trail").context).toMatchObject({ rows: 120, indexes: "driver_location_events_point" })
  expect(of("history.latest").context).toMatchObject({ rows: 20, tables: "driver_ingest_cursors" })
  // Each of twenty drivers got five points; one of them has theirs in an hour that is over.
  expect(of("history.arrivals").context).toMatchObject({ newRows: 100 })
  expect(of("history.drop").context).toMatchObject({ rowsOfTheDay: 10_000 })
  expect(of("history.gap").context.commits).toBeGreaterThan(1)
})

test("an unknown suite, scenario or size is refused before anything starts", async () => {
  await expect(bench({ suites: ["speed"] })).rejects.toThrow(UnknownSuite)
  await expect(bench({ suites: ["speed"] })).rejects.toThrow("there are ingest, decode, memory")
  await expect(bench({ suites: ["decode"], only: ["singles"] })).rejects.toThrow("there are point, batch")
  await expect(bench({ suites: ["decode"], runs: 0 })).rejects.toThrow("--runs must be from 1")
})

test("a verdict is drawn from the median against both bars", () => {
  const rate = (runs: ReadonlyArray<number>) =>
    figure({ id: "x", what: "x", unit: "ratio", runs, target: { least: 0.5, beyond: 0.7 }, context: {} })
  expect(
    [
      [0.1, 0.4, 0.9],
      [0.5, 0.6, 0.1],
      [0.8, 0.9, 0.1]
    ].map((runs) => verdictOf(rate(runs)))
  ).toEqual(["missed", "reached", "beyond"])
  const latency = figure({ id: "x", what: "x", unit: "ms", runs: [40], target: { most: 45, beyond: 20 }, context: {} })
  expect(verdictOf(latency)).toBe("reached")
})

test("orders are placed over REST and by bare SQL, and leave the same rows", { timeout: 180_000 }, async () => {
  const { records } = await tiny("http", [], 3)
  const of = (id: string) => records.find((record) => record.id === id)
  for (const id of ["B16", "B16.cpu", "B16.rate", "B16.sql", "B16.p50", "B16.p99"])
    expect(of(id)?.value, id).toBeGreaterThan(0)
})
