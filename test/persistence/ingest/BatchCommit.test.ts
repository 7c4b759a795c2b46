import { Effect, Fiber } from "effect"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { IngestBatch } from "../../../src/persistence/ingest/IngestBatch.ts"
import { proxyDatabase } from "../../kit/FaultProxy.ts"
import { until } from "../../kit/Until.ts"
import { type HeardDevice, startWriter, type WriterUnderTest } from "../../kit/WriterUnderTest.ts"

let writer: WriterUnderTest

beforeAll(async () => {
  writer = await startWriter()
})
afterAll(() => writer.drop())
beforeEach(() => {
  writer.failures.length = 0
  writer.daysMade.length = 0
})

const now = Date.now()
const unknown = Number.NaN
/** Latitude 1 degree and so many E7 more, so that a test can name a row. */
const fill = (batch: IngestBatch, { device }: HeardDevice, count: number, recordedAt = now): void => {
  for (let i = 0; i < count; i++) {
    const seq = device.acceptedSeq + 1
    batch.append(device, seq, recordedAt + seq, now, 10_000_000 + seq, 20_000_000, 100, unknown, 500, unknown, 0, 0)
  }
}
const stored = async (heard: HeardDevice): Promise<ReadonlyArray<number>> =>
  (
    await writer.client.query<{ seq: string }>(
      "SELECT seq FROM driver_location_events WHERE driver_id = $1 ORDER BY seq",
      [heard.driverId]
    )
  ).rows.map((row) => Number(row.seq))
const cursor = async (heard: HeardDevice) =>
  (
    await writer.client.query<{ last_seq: string; marker: string | null }>(
      "SELECT last_seq, round(marker_lat * 1e7)::bigint - 10000000 AS marker FROM driver_ingest_cursors WHERE driver_id = $1",
      [heard.driverId]
    )
  ).rows[0]
const numbers = (from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)
const run = <A>(effect: Effect.Effect<A>): Promise<A> => Effect.runPromise(effect)

describe("a batch", () => {
  it("of several devices is committed with its cursors and markers, and each device is told once", async () => {
    const [a, b] = [await writer.device(), await writer.device()]
    const batch = new IngestBatch(100)
    fill(batch, a, 3)
    fill(batch, b, 2)
    fill(batch, a, 1)
    await run(writer.commit().commit(batch))
    expect([await stored(a), await stored(b)]).toEqual([
      [1, 2, 3, 4],
      [1, 2]
    ])
    expect([await cursor(a), await cursor(b)]).toEqual([
      { last_seq: "4", marker: "4" },
      { last_seq: "2", marker: "2" }
    ])
    expect([a.settled, b.settled]).toEqual([[[4, []]], [[2, []]]])
  })

  it("of quarantined points alone moves the cursor and stores no row", async () => {
    const a = await writer.device()
    const batch = new IngestBatch(10)
    batch.quarantine(a.device, 1, unknown, "wrong_type", "{}")
    await run(writer.commit().commit(batch))
    expect([await stored(a), (await cursor(a))?.last_seq]).toEqual([[], "1"])
    expect(a.settled).toMatchObject([[1, [{ seq: 1, code: "wrong_type" }]]])
  })
})

describe("the fence", () => {
  it("drops the points of a device that a newer session took, and keeps its neighbours'", async () => {
    const [a, b] = [await writer.device(), await writer.device()]
    const batch = new IngestBatch(100)
    fill(batch, a, 3)
    fill(batch, b, 3)
    const newer = await writer.device(a)
    await run(writer.commit().commit(batch))
    expect([await stored(a), await stored(b)]).toEqual([[], [1, 2, 3]])
    expect([a.lost, a.settled, b.settled]).toEqual([["replaced"], [], [[3, []]]])
    const next = new IngestBatch(10)
    fill(next, newer, 2)
    await run(writer.commit().commit(next))
    expect(await stored(a)).toEqual([1, 2])
  })

  it("holds when the takeover comes in the middle of a flush: nothing is lost or doubled", async () => {
    const a = await writer.device()
    const batch = new IngestBatch(5_000)
    fill(batch, a, 5_000)
    const flush = Effect.runFork(writer.commit().commit(batch))
    const newer = await writer.device(a)
    await run(Fiber.join(flush))
    const from = newer.device.committedSeq
    expect([0, 5_000]).toContain(from)
    expect(from === 0 ? a.lost : a.settled.map(([seq]) => seq)).toEqual(from === 0 ? ["replaced"] : [5_000])
    expect(await stored(a)).toHaveLength(from)
  })

  it("tells a device whose database went back in time", async () => {
    const a = await writer.device()
    const first = new IngestBatch(10)
    fill(first, a, 5)
    await run(writer.commit().commit(first))
    await writer.client.query("UPDATE driver_ingest_cursors SET last_seq = 2 WHERE driver_id = $1", [a.driverId])
    const second = new IngestBatch(10)
    fill(second, a, 1)
    await run(writer.commit().commit(second))
    expect(a.lost).toEqual(["database_rewound"])
    expect(await stored(a)).toEqual([1, 2, 3, 4, 5])
  })
})

describe("a lost connection", () => {
  it("after COMMIT was carried out and its answer lost neither loses nor repeats a point", async () => {
    const { proxy, url } = await proxyDatabase(writer.databaseUrl)
    const commit = writer.commit(url)
    for (let i = 0; i < 5; i++) {
      const a = await writer.device()
      const batch = new IngestBatch(100)
      fill(batch, a, 10)
      batch.quarantine(a.device, 11, unknown, "wrong_type", "{}")
      proxy.cutOnAnswer((bytes) => bytes.includes("COMMIT"))
      await run(commit.commit(batch))
      expect(await stored(a)).toEqual(numbers(1, 10))
      expect(a.settled).toMatchObject([[11, [{ seq: 11 }]]])
    }
    expect(proxy.strikes).toBe(5)
    await proxy.stop()
  })

  it("before the transaction arrived is repeated until it is committed", async () => {
    const { proxy, url } = await proxyDatabase(writer.databaseUrl)
    const commit = writer.commit(url)
    const a = await writer.device()
    proxy.cut()
    const batch = new IngestBatch(100)
    fill(batch, a, 10)
    const flush = Effect.runFork(commit.commit(batch))
    await until(
      "it has been tried",
      () => writer.failures.length,
      (count) => count >= 3
    )
    expect(writer.failures.every(([state, isAlarm]) => state === "08006" && !isAlarm)).toBe(true)
    proxy.restore()
    await run(Fiber.join(flush))
    expect([await stored(a), a.settled]).toEqual([numbers(1, 10), [[10, []]]])
    await proxy.stop()
  })

  it("to a server that has gone silent is given up in time and repeated on a new one", async () => {
    const { proxy, url } = await proxyDatabase(writer.databaseUrl)
    const commit = writer.commit(url, { ingestStatementTimeoutMs: 300 })
    const a = await writer.device()
    const first = new IngestBatch(100)
    fill(first, a, 1)
    await run(commit.commit(first))
    proxy.stall()
    const second = new IngestBatch(100)
    fill(second, a, 10)
    const flush = Effect.runFork(commit.commit(second))
    await until(
      "it has been given up",
      () => writer.failures.length,
      (count) => count >= 1
    )
    proxy.restore()
    await run(Fiber.join(flush))
    expect([await stored(a), a.settled.at(-1)]).toEqual([numbers(1, 11), [11, []]])
    await proxy.stop()
  })
})

describe("a row that PostgreSQL refuses", () => {
  const refuse = async <A>(condition: string, work: () => Promise<A>): Promise<A> => {
    await writer.client.query(
      `ALTER TABLE driver_location_events ADD CONSTRAINT test_refused CHECK (${condition}) NOT VALID`
    )
    try {
      return await work()
    } finally {
      await writer.client.query("ALTER TABLE driver_location_events DROP CONSTRAINT test_refused")
    }
  }

  it("is found among 500, put into quarantine, and its neighbours are stored", async () => {
    const [a, b] = [await writer.device(), await writer.device()]
    const batch = new IngestBatch(600)
    fill(batch, a, 500)
    fill(batch, b, 10)
    await refuse("NOT (lat > 1.00000365 AND lat < 1.00000375)", () => run(writer.commit().commit(batch)))
    expect(await stored(a)).toEqual(numbers(1, 500).filter((seq) => seq !== 37))
    expect(await stored(b)).toEqual(numbers(1, 10))
    expect(a.settled.flatMap(([, quarantined]) => quarantined)).toMatchObject([
      { seq: 37, code: "refused_by_database" }
    ])
    expect(await cursor(a)).toEqual({ last_seq: "500", marker: "500" })
    const { rows } = await writer.client.query(
      "SELECT seq::int, code, detail ->> 'sql_state' AS state FROM telemetry_quarantine WHERE driver_id = $1",
      [a.driverId]
    )
    expect(rows).toEqual([{ seq: 37, code: "refused_by_database", state: "23514" }])
  })

  it("is not where the driver is, also when older points of its batch are committed after it", async () => {
    const a = await writer.device()
    const batch = new IngestBatch(10)
    for (const [seq, at] of [
      [1, 10],
      [2, 40],
      [3, 20],
      [4, 30]
    ] as const) {
      batch.append(a.device, seq, now + at, now, 10_000_000 + seq, 0, unknown, unknown, unknown, unknown, 0, 0)
    }
    await refuse("NOT (lat > 1.00000015 AND lat < 1.00000025)", () => run(writer.commit().commit(batch)))
    expect(await stored(a)).toEqual([1, 3, 4])
    expect((await cursor(a))?.marker).not.toBe("2")
  })

  it("because it is stored already counts as stored", async () => {
    const a = await writer.device()
    const first = new IngestBatch(10)
    fill(first, a, 3)
    await run(writer.commit().commit(first))
    // A cursor set back by hand, with its rows left: the fence lets the same rows through.
    await writer.client.query("UPDATE driver_ingest_cursors SET last_seq = 1 WHERE driver_id = $1", [a.driverId])
    const again = await writer.device(a)
    const batch = new IngestBatch(10)
    fill(batch, again, 4)
    await run(writer.commit().commit(batch))
    expect(await stored(a)).toEqual([1, 2, 3, 4, 5])
    expect(again.settled.flatMap(([, quarantined]) => quarantined)).toEqual([])
    expect(again.settled.at(-1)?.[0]).toBe(5)
  })

  it("for its quarantine detail alone is settled without it", async () => {
    const a = await writer.device()
    const batch = new IngestBatch(10)
    fill(batch, a, 1)
    batch.quarantine(a.device, 2, unknown, "wrong_type", '{"lat": "\\ud800"}')
    fill(batch, a, 1)
    await run(writer.commit().commit(batch))
    expect([await stored(a), (await cursor(a))?.last_seq]).toEqual([[1, 3], "3"])
    const { rows } = await writer.client.query("SELECT code, detail FROM telemetry_quarantine WHERE driver_id = $1", [
      a.driverId
    ])
    expect(rows).toEqual([{ code: "wrong_type", detail: {} }])
  })
})

describe("what only the server's state explains", () => {
  it("a day without its partition gets one on the spot, and is reported", async () => {
    const a = await writer.device()
    const batch = new IngestBatch(10)
    const day = Date.parse("2031-03-04T23:59:59.990Z")
    fill(batch, a, 3, day)
    fill(batch, a, 3, day + 10)
    await run(writer.commit().commit(batch))
    expect(await stored(a)).toEqual(numbers(1, 6))
    expect(writer.daysMade.toSorted()).toEqual(["2031-03-04", "2031-03-05"])
  })

  it("a partition dropped after it was known is made again", async () => {
    const a = await writer.device()
    const commit = writer.commit()
    const first = new IngestBatch(10)
    fill(first, a, 1, Date.parse("2032-01-01T12:00:00Z"))
    await run(commit.commit(first))
    await writer.client.query("DROP TABLE driver_location_events_20320101")
    const second = new IngestBatch(10)
    fill(second, a, 1, Date.parse("2032-01-01T12:00:00Z"))
    await run(commit.commit(second))
    expect([await stored(a), a.settled.at(-1)?.[0]]).toEqual([[2], 2])
  })

  it("a missing grant raises the alarm and is tried again until someone mends it", async () => {
    const a = await writer.device()
    await writer.client.query("REVOKE INSERT ON driver_location_events FROM dropmate_writer")
    const batch = new IngestBatch(10)
    fill(batch, a, 2)
    const flush = Effect.runFork(writer.commit().commit(batch))
    await until(
      "the alarm",
      () => writer.failures.filter(([, isAlarm]) => isAlarm).length,
      (count) => count >= 2
    )
    expect(a.settled).toEqual([])
    await writer.client.query("GRANT INSERT ON driver_location_events TO dropmate_writer")
    await run(Fiber.join(flush))
    expect([await stored(a), writer.failures[0]]).toEqual([
      [1, 2],
      ["42501", true]
    ])
  })
})
