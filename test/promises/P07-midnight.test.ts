import { Effect, Redacted } from "effect"
import { expect, it } from "vitest"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { retirePartitions } from "../../src/jobs/PartitionRetention.ts"
import { dayName, dayOf } from "../../src/persistence/ingest/TelemetryDays.ts"
import { DatabaseWatch } from "../kit/DatabaseWatch.ts"
import { LoadedFleet } from "../kit/LoadedFleet.ts"
import { kept, Oracle } from "../kit/Oracle.ts"
import { promiseSeed, reportPromise } from "../kit/PromiseSize.ts"
import { type ServerEnvironment, ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { until } from "../kit/Until.ts"

const drivers = 100
const pointsPerSecond = 1_000
const dayMs = 86_400_000
/** What has to be done before midnight is done within this. */
const spareMs = 12_000
/** What the oldest partition holds when retention takes it: a day of ten drivers who report every two seconds. */
const oldPoints = 400_000

/** Server clock minus the machine's, so that a UTC midnight is `leadMs` away: the nearest one, forward or back. */
const offsetToMidnight = (leadMs: number): number => {
  const sinceMs = Date.now() % dayMs
  return (sinceMs > dayMs / 2 ? dayMs - sinceMs : -sinceMs) - leadMs
}

/** Starts a server a little before its midnight and connects a fleet to it; a slow machine gets more time. */
const beforeMidnight = async (environment: ServerEnvironment, random: SeededRandom) => {
  for (let leadMs = 20_000; ; leadMs *= 2) {
    const clockOffsetMs = offsetToMidnight(leadMs)
    const midnight = Date.now() + leadMs
    const server = await ServerProcess.start({ ...environment, DROPMATE_CLOCK_OFFSET_MS: String(clockOffsetMs) })
    const oracle = new Oracle()
    const fleet = await LoadedFleet.connect(server, oracle, { drivers, pointsPerSecond, random })
    fleet.clockOffsetMs = clockOffsetMs
    if (Date.now() + spareMs < midnight) return { server, oracle, fleet, clockOffsetMs }
    await fleet.stop()
    await server.kill9()
  }
}

const partitionOf = (day: number): string => `driver_location_events_${dayName(day).replaceAll("-", "")}`

/** The longest time for which no commit of points was to be seen while `work` runs, looked at every few milliseconds. */
const longestCommitGapMs = async (database: DatabaseWatch, work: Promise<void>): Promise<number> => {
  let isOver = false
  const end = work.finally(() => {
    isOver = true
  })
  let [settled, lastMs, longest] = [await database.settled(), performance.now(), 0]
  while (!isOver) {
    const now = await database.settled()
    longest = Math.max(longest, performance.now() - lastMs)
    if (now !== settled) lastMs = performance.now()
    settled = now
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await end
  return Math.round(longest)
}

/** Fills the oldest partition, and lets its policy be over for it by both clocks. */
const outlive = async (database: DatabaseWatch, today: number): Promise<void> => {
  const oldest = dayName(today - 4)
  await database.rows(
    `INSERT INTO driver_location_events (driver_id, recorded_at, received_at, seq, device_no, lat, lng)
     SELECT (SELECT array_agg(id) FROM drivers)[1 + n % (SELECT count(*) FROM drivers)], at, at, n, 1, 1, 1
     FROM generate_series(1, $2::integer) AS n,
       LATERAL (SELECT $1::date::timestamp AT TIME ZONE 'UTC' + n * interval '200 milliseconds' AS at) AS t`,
    [oldest, oldPoints]
  )
  await database.rows("UPDATE retention_policies SET keep = '1 day' WHERE table_name = 'driver_location_events'")
}

/** The longest time between two acknowledgements while `work` runs. */
const longestGapMs = async (oracle: Oracle, work: () => Promise<void>): Promise<number> => {
  let [lastMs, longest] = [performance.now(), 0]
  const heard = (): void => {
    const now = performance.now()
    longest = Math.max(longest, now - lastMs)
    lastMs = now
  }
  oracle.onAck(heard)
  await work()
  heard()
  return Math.round(longest)
}

it("P07: the UTC day changes under load with its partition missing and retention at work, and every point is stored", {
  timeout: 240_000
}, async () => {
  const seed = promiseSeed()
  const { databaseUrl, environment } = await serverServices()
  const { server, oracle, fleet, clockOffsetMs } = await beforeMidnight(environment, new SeededRandom(seed))
  const serverNow = () => Date.now() + clockOffsetMs
  const today = dayOf(serverNow())
  const database = await DatabaseWatch.open(databaseUrl)
  // Behind the back of the server, which made them and believes that they are there; its partition job is not due for ten minutes.
  for (let day = today + 1; day <= today + 7; day++) await database.rows(`DROP TABLE ${partitionOf(day)}`)
  await outlive(database, today)
  fleet.drive()
  let [commitGapMs, dropped]: [number, ReadonlyArray<string>] = [0, []]
  const retention = async (): Promise<void> => {
    const round = await Effect.runPromise(retirePartitions(Redacted.make(databaseUrl)))
    expect(round.kept).toEqual([])
    dropped = round.dropped
  }
  const retentionGapMs = await longestGapMs(oracle, async () => {
    await until(
      "load before retention",
      () => oracle.ackedPoints,
      (acked) => acked >= pointsPerSecond,
      30_000
    )
    commitGapMs = await longestCommitGapMs(await DatabaseWatch.open(databaseUrl), retention())
  })
  let reportedAtMidnight = 0
  const midnightGapMs = await longestGapMs(oracle, async () => {
    await until("midnight", serverNow, (now) => dayOf(now) > today, 120_000)
    reportedAtMidnight = fleet.reportedPoints
    await until(
      "load after midnight",
      () => fleet.reportedPoints,
      (reported) => reported >= reportedAtMidnight + 2 * pointsPerSecond,
      30_000
    )
  })
  await fleet.drained()
  const madeLate = await server.metric("dropmate_partitions_made_late_total")
  await fleet.stop()
  const verdict = await oracle.judge(databaseUrl)
  const storedTomorrow = await database.number(`SELECT count(*) FROM ${partitionOf(today + 1)}`)
  reportPromise("P07", {
    seed,
    clockOffsetMs,
    drivers,
    pointsPerSecond,
    beforeMidnight: verdict.stored - storedTomorrow,
    afterMidnight: storedTomorrow,
    retentionGapMs,
    commitGapMs,
    dropped: dropped.length,
    oldPoints,
    midnightGapMs,
    madeLate
  })
  expect(verdict).toMatchObject({ ...kept, acked: fleet.reportedPoints, stored: fleet.reportedPoints, quarantined: 0 })
  expect(dropped).toContain(partitionOf(today - 4))
  expect(storedTomorrow).toBeGreaterThanOrEqual(pointsPerSecond)
  expect(verdict.stored - storedTomorrow).toBeGreaterThan(0)
  expect(madeLate).toBe(1)
  // Two lanes met the missing day at once: neither may take the other's partition for a failure.
  expect(server.log().filter(({ level }) => level === "ERROR")).toEqual([])
  expect(server.log().some(({ event }) => event.startsWith("partition_missing"))).toBe(true)
})
