import { expect, it } from "vitest"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { DriverClientFrame } from "../../src/protocol/FrameType.ts"
import { DatabaseWatch } from "../kit/DatabaseWatch.ts"
import { LoadedFleet } from "../kit/LoadedFleet.ts"
import { Oracle } from "../kit/Oracle.ts"
import { promiseSeed, reportPromise } from "../kit/PromiseSize.ts"
import { ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { until } from "../kit/Until.ts"
import { WireDriver } from "../kit/WireDriver.ts"

const hour = 3_600_000
const late = 8

/** What a phone says the time is, and what becomes of the point: the flags it is stored with, or the code it is settled with. */
const clocks: ReadonlyArray<readonly [name: string, says: (now: number) => unknown, becomes: number | string]> = [
  ["48 h ahead", (now) => now + 48 * hour, "clock_future"],
  ["48 h behind", (now) => now - 48 * hour, late],
  ["in 1970", () => 0, "clock_past"],
  ["in 2100", () => Date.UTC(2100, 0, 1), "clock_future"],
  ["not a number", () => Number.NaN, "not_finite"],
  ["infinite", () => Number.POSITIVE_INFINITY, "not_finite"],
  ["a text", () => "noon", "wrong_type"],
  ["missing", () => null, "wrong_type"],
  ["between two milliseconds", (now) => now + 0.5, "wrong_type"],
  ["beyond 2^53", () => 2 ** 60, "out_of_range"],
  ["3 min ahead", (now) => now + 180_000, "clock_future"],
  ["1 min ahead", (now) => now + 60_000, 0],
  ["71 h behind", (now) => now - 71 * hour, late],
  ["73 h behind", (now) => now - 73 * hour, "clock_past"]
]

const place = { lat: 407_000_000, lng: -740_000_000 }

it("P05: a wrong clock harms only its own points: the time before and after the error is kept, other drivers notice nothing, and no batch fails", {
  timeout: 90_000
}, async () => {
  const seed = promiseSeed()
  const { databaseUrl, environment } = await serverServices()
  const server = await ServerProcess.start(environment)
  const oracle = new Oracle()
  const fleet = await LoadedFleet.connect(server, oracle, {
    drivers: 40,
    pointsPerSecond: 400,
    random: new SeededRandom(seed)
  })
  fleet.drive()
  const phones = await WireDriver.connect(server, clocks.length)
  const good = Date.now()
  for (const [i, phone] of phones.entries()) {
    const says = clocks[i]?.[1] ?? (() => 0)
    // The clock goes wrong in the middle of a session, and is set right again.
    for (const [at, time] of [good, says(good), says(good), good + 1_000].entries()) {
      phone.send([DriverClientFrame.point, at + 1, time, place.lat + at, place.lng])
    }
  }
  await Promise.all(phones.map((phone) => phone.acked(4)))
  await until(
    "load beside it",
    () => oracle.ackedPoints,
    (acked) => acked >= 800,
    30_000
  )
  await fleet.drained()
  await fleet.stop()

  const database = await DatabaseWatch.open(databaseUrl)
  const becameOf = async (phone: WireDriver): Promise<ReadonlyArray<unknown>> => {
    const rows = await database.rows<{ seq: number; became: unknown }>(
      `SELECT seq::int, to_jsonb(flags & ~2) AS became FROM driver_location_events WHERE driver_id = $1
         UNION ALL SELECT seq::int, to_jsonb(code) FROM telemetry_quarantine WHERE driver_id = $1 ORDER BY seq`,
      [phone.driverId]
    )
    return rows.map(({ became }) => became)
  }
  for (const [i, phone] of phones.entries()) {
    const [name, , becomes] = clocks[i] ?? []
    expect([name, await becameOf(phone)]).toEqual([name, [0, becomes, becomes, 0]])
    expect([name, phone.flagged]).toEqual([
      name,
      typeof becomes === "string"
        ? [
            [2, becomes],
            [3, becomes]
          ]
        : []
    ])
  }
  const verdict = await oracle.judge(databaseUrl)
  const failures = await server.metric("dropmate_ingest_failures_total")
  reportPromise("P05", {
    seed,
    clocks: clocks.length,
    neighbours: fleet.couriers.length,
    neighboursPoints: verdict.acked,
    failedBatches: failures
  })
  expect(failures).toBe(0)
  expect(verdict).toMatchObject({ lost: [], doubled: [], cursorsWrong: [], acked: fleet.reportedPoints })
})
