import { expect, it } from "vitest"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { DatabaseWatch } from "../kit/DatabaseWatch.ts"
import { promiseSeed, reportPromise } from "../kit/PromiseSize.ts"
import { ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { WireDriver } from "../kit/WireDriver.ts"

const points = 500

/** The columns of a BATCH, as a test may spoil them. */
interface Columns {
  readonly dt: Array<unknown>
  readonly lat: Array<unknown>
  readonly lng: Array<unknown>
  readonly speed: Array<unknown>
  readonly heading: Array<unknown>
  readonly accuracy: Array<unknown>
}

/** What is wrong with one point of a batch, and the code that it is settled with. */
const kinds: ReadonlyArray<readonly [name: string, column: keyof Columns, value: unknown, code: string]> = [
  ["a latitude that is not a number", "lat", Number.NaN, "not_finite"],
  ["an infinite longitude", "lng", Number.NEGATIVE_INFINITY, "not_finite"],
  ["a time step that is not a number", "dt", Number.NaN, "not_finite"],
  ["a latitude beyond the pole", "lat", 900_000_000, "out_of_range"],
  ["a longitude beyond the date line", "lng", -1_800_000_000, "out_of_range"],
  ["a latitude beyond 2^53", "lat", 2 ** 60, "out_of_range"],
  ["a missing latitude", "lat", null, "wrong_type"],
  ["a longitude in words", "lng", "west", "wrong_type"],
  ["a latitude between two units", "lat", 0.5, "wrong_type"],
  ["a time step back", "dt", -1, "out_of_range"],
  ["a negative speed", "speed", -1, "out_of_range"],
  ["a speed in words", "speed", "fast", "wrong_type"],
  ["a heading of 360 degrees", "heading", 36_000, "out_of_range"],
  ["an accuracy of nothing", "accuracy", 0, "out_of_range"],
  ["an infinite accuracy", "accuracy", Number.POSITIVE_INFINITY, "not_finite"]
]

const t0 = (): number => Date.now() - points * 10

const columns = (): Columns => {
  const of = (first: unknown, later: unknown): Array<unknown> => [
    first,
    ...Array.from({ length: points - 1 }, () => later)
  ]
  return {
    dt: of(0, 10),
    lat: of(407_000_000, 3),
    lng: of(-740_000_000, -2),
    speed: of(500, 500),
    heading: of(9_000, 9_000),
    accuracy: of(800, 800)
  }
}

const batch = ({ dt, lat, lng, speed, heading, accuracy }: Columns): ReadonlyArray<unknown> => [
  DriverClientFrame.batch,
  1,
  t0(),
  dt,
  lat,
  lng,
  speed,
  heading,
  accuracy,
  77,
  0
]

const storedOf = (database: DatabaseWatch, driverId: string): Promise<ReadonlyArray<{ seq: number }>> =>
  database.rows<{ seq: number }>("SELECT seq::int FROM driver_location_events WHERE driver_id = $1 ORDER BY seq", [
    driverId
  ])

const quarantinedOf = (
  database: DatabaseWatch,
  driverId: string
): Promise<ReadonlyArray<{ seq: number; code: string }>> =>
  database.rows<{ seq: number; code: string }>(
    "SELECT seq::int, code FROM telemetry_quarantine WHERE driver_id = $1 ORDER BY seq",
    [driverId]
  )

const allBut = (bad: number): ReadonlyArray<{ seq: number }> =>
  Array.from({ length: points }, (_, i) => ({ seq: i + 1 })).filter(({ seq }) => seq !== bad)

/** FLAGGED of the bad point comes before the acknowledgement that covers it. */
const isFlaggedBeforeAcked = ({ frames }: WireDriver, bad: number): boolean => {
  const flaggedAt = frames.findIndex((frame) => frame[0] === DriverServerFrame.flagged && frame[1] === bad)
  const ackedAt = frames.findIndex((frame) => frame[0] === DriverServerFrame.ack && Number(frame[1]) >= bad)
  return flaggedAt >= 0 && flaggedAt < ackedAt
}

it("P06: of a batch of 500 with one bad point 499 are stored, the bad one is quarantined for what it is, and all are acknowledged", {
  timeout: 90_000
}, async () => {
  const seed = promiseSeed()
  const random = new SeededRandom(seed)
  const { databaseUrl, environment } = await serverServices()
  const server = await ServerProcess.start(environment)
  const phones = await WireDriver.connect(server, kinds.length)
  const bad = kinds.map(() => 2 + random.below(points - 2))
  for (const [i, phone] of phones.entries()) {
    const spoilt = columns()
    const [, column, value] = kinds[i] ?? ["", "lat", null]
    spoilt[column][(bad[i] ?? 1) - 1] = value
    phone.send(batch(spoilt))
  }
  await Promise.all(phones.map((phone) => phone.acked(points)))
  const database = await DatabaseWatch.open(databaseUrl)
  for (const [i, phone] of phones.entries()) {
    const [name, , , code] = kinds[i] ?? []
    const seq = bad[i] ?? 0
    expect([name, await quarantinedOf(database, phone.driverId)]).toEqual([name, [{ seq, code }]])
    expect([name, await storedOf(database, phone.driverId)]).toEqual([name, allBut(seq)])
    expect([name, phone.flagged, isFlaggedBeforeAcked(phone, seq)]).toEqual([name, [[seq, code]], true])
  }
  const failures = await server.metric("dropmate_ingest_failures_total")
  reportPromise("P06", { seed, kinds: kinds.length, pointsEach: points, failedBatches: failures })
  expect(failures).toBe(0)
})

it("P06: a point that only the database refuses is found among its 499 neighbours and quarantined alone", {
  timeout: 90_000
}, async () => {
  const seed = promiseSeed()
  const bad = 2 + new SeededRandom(seed).below(points - 2)
  const { databaseUrl, environment } = await serverServices()
  const server = await ServerProcess.start(environment)
  const database = await DatabaseWatch.open(databaseUrl)
  // A rule that no part of the server knows of.
  await database.rows(
    "ALTER TABLE driver_location_events ADD CONSTRAINT only_here CHECK (seq IS NULL OR abs(lat - 41.5) > 1e-6) NOT VALID"
  )
  const [refused, neighbour] = await WireDriver.connect(server, 2)
  if (refused === undefined || neighbour === undefined) throw new Error("two drivers were asked for")
  const spoilt = columns()
  spoilt.lat[bad - 1] = 8_000_000 - 3 * (bad - 2)
  spoilt.lat[bad] = 3 - 8_000_000
  neighbour.send(batch(columns()))
  refused.send(batch(spoilt))
  await Promise.all([refused.acked(points), neighbour.acked(points)])
  expect(await quarantinedOf(database, refused.driverId)).toEqual([{ seq: bad, code: "refused_by_database" }])
  expect(await storedOf(database, refused.driverId)).toEqual(allBut(bad))
  expect(await storedOf(database, neighbour.driverId)).toHaveLength(points)
  expect([refused.flagged, neighbour.flagged]).toEqual([[[bad, "refused_by_database"]], []])
  const attempts = await server.metric("dropmate_ingest_failures_total")
  reportPromise("P06 refused by the database", { seed, bad, pointsEach: points, attempts })
})
