import { afterAll, beforeAll, expect, it } from "vitest"
import { startWriter, type WriterUnderTest } from "../kit/WriterUnderTest.ts"

let writer: WriterUnderTest

beforeAll(async () => {
  writer = await startWriter()
  for (const days of [0, 1])
    await writer.client.query("SELECT ensure_telemetry_day((now() at time zone 'UTC')::date - $1::int)", [days])
})
afterAll(() => writer.drop())

interface Point {
  readonly driver: string
  readonly minutesAgo?: number
  readonly lat?: number
  readonly speed?: number | null
  readonly accuracy?: number | null
  readonly session?: string | null
  readonly flags?: number
}

const insert = ({ driver, minutesAgo = 0, lat = 1, speed = null, accuracy = null, session = null, flags = 0 }: Point) =>
  writer.client.query(
    `INSERT INTO driver_location_events (driver_id, recorded_at, lat, lng, speed, accuracy, session_id, flags)
     VALUES ($1, now() - make_interval(mins => $2), $3, 2, $4, $5, $6, $7)`,
    [driver, minutesAgo, lat, speed, accuracy, session, flags]
  )
const place = async (driver: string) =>
  (
    await writer.client.query("SELECT lat, speed, device_no FROM active_driver_locations WHERE driver_id = $1", [
      driver
    ])
  ).rows[0]

it("a row inserted by hand moves the driver's marker at its commit, and an older one never moves it back", async () => {
  const { driverId } = await writer.device()
  expect(await place(driverId)).toBeUndefined()
  await insert({ driver: driverId, minutesAgo: 5, lat: 10 })
  await insert({ driver: driverId, minutesAgo: 9, lat: 11 })
  expect(await place(driverId)).toEqual({ lat: 10, speed: null, device_no: 0 })
  await insert({ driver: driverId, minutesAgo: 1, lat: 12 })
  expect((await place(driverId))?.lat).toBe(12)
})

it("a row inserted by hand has its speed clamped and flagged, with the raw value kept", async () => {
  const { driverId } = await writer.device()
  await insert({ driver: driverId, speed: 123.45 })
  const { rows } = await writer.client.query(
    "SELECT speed, speed_raw_cms, flags FROM driver_location_events WHERE driver_id = $1",
    [driverId]
  )
  expect(rows).toEqual([{ speed: 70, speed_raw_cms: 12_345, flags: 1 }])
  expect((await place(driverId))?.speed).toBe(70)
})

it("a row inserted by hand with a flag that holds the marker does not move it", async () => {
  const { driverId } = await writer.device()
  await insert({ driver: driverId, flags: 2 })
  await insert({ driver: driverId, flags: 4 })
  expect(await place(driverId)).toBeUndefined()
})

it("a row inserted by hand must name a driver, and a session of that driver", async () => {
  const [one, other] = [await writer.device(), await writer.device()]
  await expect(insert({ driver: crypto.randomUUID() })).rejects.toMatchObject({ code: "23503" })
  await expect(insert({ driver: one.driverId, session: other.device.sessionId })).rejects.toMatchObject({
    code: "23503"
  })
  await insert({ driver: one.driverId, session: one.device.sessionId })
})

it("a row inserted by hand is refused when a value is out of its range", async () => {
  const { driverId } = await writer.device()
  for (const wrong of [
    { lat: 90.1 },
    { lat: Number.NaN },
    { speed: -1 },
    { speed: Number.POSITIVE_INFINITY },
    { accuracy: 0 },
    { accuracy: 200 },
    { accuracy: Number.NaN }
  ]) {
    await expect(insert({ driver: driverId, ...wrong })).rejects.toMatchObject({ code: "23514" })
  }
  expect(await place(driverId)).toBeUndefined()
})
