import { Effect } from "effect"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { defaultLimits } from "../../../src/config/Limits.ts"
import { clockFault, flagsOf, plausibleSpeedCms, poorAccuracyCm } from "../../../src/domain/TelemetryRules.ts"
import { IngestBatch, isStorableTime } from "../../../src/persistence/ingest/IngestBatch.ts"
import { runSeed } from "../../kit/LooseEncoding.ts"
import { soundFields } from "../../kit/RandomFrames.ts"
import { startWriter, type WriterUnderTest } from "../../kit/WriterUnderTest.ts"

let writer: WriterUnderTest

beforeAll(async () => {
  writer = await startWriter()
})
afterAll(() => writer.drop())

const seed = runSeed()
const sources = ["gps", "fused", "network", "manual", "mock"]
const now = Date.now()
const { clockPastMs, clockFutureMs, lateAfterMs } = defaultLimits
const dayMs = 86_400_000
const midnight = Math.floor(now / dayMs) * dayMs

/** Every time that the rules accept now, the edges of the window and of its days among them. */
const believable = fc
  .oneof(
    fc.constantFrom(
      now - clockPastMs,
      now + clockFutureMs,
      ...[0, 1, 2, 3].flatMap((days) => [midnight - days * dayMs, midnight - days * dayMs - 1])
    ),
    fc.integer({ min: now - clockPastMs, max: now + clockFutureMs })
  )
  .filter((time) => clockFault(time, now, defaultLimits) === undefined)

const point = fc.record({ recordedAt: believable, ...soundFields })

const orNaN = (value: number | null): number => value ?? Number.NaN
const scaled = (value: number | null, factor: number): number | null =>
  value === null ? null : Math.fround(value / factor)

describe(`what the rules accept, the database accepts (PROMISE_SEED=${seed})`, () => {
  it("and gives back as it was sent, over every range and every day of the window", async () => {
    const points = fc.sample(fc.array(point, { minLength: 3_000, maxLength: 3_000 }), { seed, numRuns: 1 })[0] ?? []
    const heard = await writer.device()
    const batch = new IngestBatch(points.length)
    let previous: { recordedAt: number; latE7: number; lngE7: number } | undefined
    const flags = points.map((p, i) => {
      const bits = flagsOf(
        p.recordedAt,
        p.latE7,
        p.lngE7,
        orNaN(p.speedCms),
        orNaN(p.accuracyCm),
        now,
        previous,
        lateAfterMs
      )
      previous = p
      batch.append(
        heard.device,
        i + 1,
        p.recordedAt,
        now,
        p.latE7,
        p.lngE7,
        orNaN(p.speedCms),
        orNaN(p.headingCdeg),
        orNaN(p.accuracyCm),
        orNaN(p.battery),
        p.source,
        bits
      )
      return bits
    })
    await Effect.runPromise(writer.commit().commit(batch))
    expect(heard.settled).toEqual([[points.length, []]])
    const { rows } = await writer.client.query(
      `SELECT seq::int, (extract(epoch FROM recorded_at) * 1000)::float8 AS at, (extract(epoch FROM received_at) * 1000)::float8 AS received,
         lat, lng, speed, heading, accuracy, flags, speed_raw_cms, accuracy_raw_cm, source, battery
       FROM driver_location_events WHERE driver_id = $1 ORDER BY seq`,
      [heard.driverId]
    )
    const expected = points.map((p, i) => {
      const isFast = p.speedCms !== null && p.speedCms > plausibleSpeedCms
      const isPoor = p.accuracyCm !== null && p.accuracyCm >= poorAccuracyCm
      return {
        seq: i + 1,
        at: p.recordedAt,
        received: now,
        lat: p.latE7 / 1e7,
        lng: p.lngE7 / 1e7,
        speed: isFast ? 70 : scaled(p.speedCms, 100),
        heading: scaled(p.headingCdeg, 100),
        accuracy: isPoor ? null : scaled(p.accuracyCm, 100),
        flags: flags[i],
        speed_raw_cms: isFast ? p.speedCms : null,
        accuracy_raw_cm: isPoor ? p.accuracyCm : null,
        source: sources[p.source],
        battery: p.battery
      }
    })
    expect(
      rows.map((row) => ({
        ...row,
        speed: row.speed === null ? null : Math.fround(row.speed),
        heading: row.heading === null ? null : Math.fround(row.heading),
        accuracy: row.accuracy === null ? null : Math.fround(row.accuracy)
      }))
    ).toEqual(expected)
  })

  it("also a sequence number at 2^53 - 1", async () => {
    const heard = await writer.device()
    await writer.client.query("UPDATE driver_ingest_cursors SET last_seq = $2 WHERE driver_id = $1", [
      heard.driverId,
      2 ** 53 - 3
    ])
    const again = await writer.device(heard)
    const batch = new IngestBatch(2)
    for (const seq of [2 ** 53 - 2, 2 ** 53 - 1])
      batch.append(again.device, seq, now, now, 0, 0, Number.NaN, Number.NaN, Number.NaN, Number.NaN, 0, 0)
    expect(batch.listRows().map((row) => row.seq)).toEqual([2 ** 53 - 2, 2 ** 53 - 1])
    await Effect.runPromise(writer.commit().commit(batch))
    const { rows } = await writer.client.query(
      "SELECT max(seq) AS seq FROM driver_location_events WHERE driver_id = $1",
      [heard.driverId]
    )
    expect(rows).toEqual([{ seq: String(2 ** 53 - 1) }])
  })

  it("and keeps a quarantined point's time exactly or not at all", async () => {
    const times = fc.sample(
      fc.oneof(fc.double({ noNaN: true }), fc.integer(), fc.maxSafeInteger(), fc.constantFrom(0.5, 1e15, -1e15)),
      { seed, numRuns: 60 }
    )
    const commit = writer.commit()
    for (const time of times) {
      const heard = await writer.device()
      const batch = new IngestBatch(2)
      batch.quarantine(heard.device, 1, time, "out_of_range", "{}")
      await Effect.runPromise(commit.commit(batch))
      const { rows } = await writer.client.query<{ at: Date | null }>(
        "SELECT last_recorded_at AS at FROM driver_ingest_cursors WHERE driver_id = $1",
        [heard.driverId]
      )
      expect(rows[0]?.at?.getTime()).toBe(isStorableTime(time) ? (time === 0 ? 0 : time) : undefined)
    }
  })
})

it("gives its rows back grouped by device, and the bytes of some of them alone", async () => {
  const [a, b] = [await writer.device(), await writer.device()]
  const batch = new IngestBatch(10)
  const add = ({ device }: typeof a) =>
    batch.append(
      device,
      device.acceptedSeq + 1,
      now + device.acceptedSeq,
      now,
      0,
      0,
      Number.NaN,
      Number.NaN,
      Number.NaN,
      Number.NaN,
      1,
      0
    )
  for (const heard of [a, b, a, a, b]) add(heard)
  const rows = batch.listRows()
  expect(rows.map((row) => [row.advance.device === a.device ? "a" : "b", row.seq])).toEqual([
    ["a", 1],
    ["a", 2],
    ["a", 3],
    ["b", 1],
    ["b", 2]
  ])
  expect(rows.map((row) => batch.recordedAtOf(row))).toEqual([now, now + 1, now + 2, now, now + 1])
  expect(batch.copyBytesOf(rows)).toHaveLength(batch.copyBytes().length)
  batch.reset()
  expect([batch.points, batch.listRows(), batch.days.size]).toEqual([0, [], 0])
})
