import { Effect, Redacted } from "effect"
import pg from "pg"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { migrate } from "../../src/persistence/Migrations.ts"
import { type FreshDatabase, freshDatabase } from "../kit/TestServices.ts"
import { goodRows, idOf, insertRow } from "./GoodRows.ts"

let database: FreshDatabase
let client: pg.Client
let jobs: pg.Client

beforeEach(async () => {
  database = await freshDatabase()
  await Effect.runPromise(migrate(Redacted.make(database.url)))
  client = new pg.Client({ connectionString: database.url })
  jobs = new pg.Client({ connectionString: database.url, options: "-c role=dropmate_jobs" })
  await Promise.all([client.connect(), jobs.connect()])
  for (const [table, row] of goodRows) {
    if (["users", "drivers", "vehicles"].includes(table)) await insertRow(client, table, row)
  }
  await client.query(
    "SELECT ensure_telemetry_day((now() AT TIME ZONE 'UTC')::date - n) FROM generate_series(0, 2) AS n"
  )
})

afterEach(async () => {
  await Promise.all([client.end(), jobs.end()])
  await database.drop()
})

const hour = new Date(Math.floor((Date.now() - 86_400_000) / 3_600_000) * 3_600_000)
let seq = 0

/** A point so many seconds into the hour, so many thousandths of a degree north of the equator. */
const point = (seconds: number, northE3: number, more: { readonly flags?: number; readonly receivedAt?: Date } = {}) =>
  client.query(
    `INSERT INTO driver_location_events (driver_id, recorded_at, received_at, seq, device_no, lat, lng, speed, flags)
     VALUES ($1, $2, coalesce($3, now()), $4, 1, $5, 0, $6, $7)`,
    [
      idOf(7),
      new Date(hour.getTime() + seconds * 1_000),
      more.receivedAt ?? null,
      ++seq,
      northE3 / 1_000,
      seconds / 10,
      more.flags ?? 0
    ]
  )

const hourly = async () =>
  (
    await client.query(
      "SELECT hour, points, round(distance_m) AS distance_m, speed_max, lat_max FROM driver_location_hourly ORDER BY hour"
    )
  ).rows

const rollUp = async (): Promise<number> => (await jobs.query("SELECT roll_up_arrivals() AS made")).rows[0]?.made

describe("the hourly roll-up", () => {
  it("keeps how far, how fast and how often, without what was a jump", async () => {
    await point(0, 0)
    await point(60, 1)
    await point(120, 500, { flags: 2 })
    expect(await rollUp()).toBe(1)
    // A thousandth of a degree is 111.2 m on a sphere of 6,371 km.
    expect(await hourly()).toEqual([{ hour, points: 3, distance_m: 111, speed_max: 12, lat_max: 0.5 }])
  })

  it("takes late points into their hour, and does nothing when nothing came", async () => {
    await point(0, 0)
    await rollUp()
    await point(60, 1)
    await point(3_600, 2)
    expect(await rollUp()).toBe(2)
    expect((await hourly()).map(({ points }) => points)).toEqual([2, 1])
    expect(await rollUp()).toBe(0)
  })

  it("finds by the pass over whole days what an outage held back longer than it looks back", async () => {
    await point(0, 0, { receivedAt: new Date(Date.now() - 7_200_000) })
    await rollUp()
    await point(60, 1, { receivedAt: new Date(Date.now() - 3_600_000) })
    expect(await rollUp()).toBe(0)
    await jobs.query("SELECT roll_up_hours($1, $2)", [hour, new Date(hour.getTime() + 3_600_000)])
    expect((await hourly()).map(({ points }) => points)).toEqual([2])
  })

  it("stays when the day's points are dropped", async () => {
    await point(0, 0)
    await rollUp()
    await client.query(`DROP TABLE driver_location_events_${hour.toISOString().slice(0, 10).replaceAll("-", "")}`)
    await rollUp()
    expect(await hourly()).toHaveLength(1)
  })

  it("adds up to the same as the points, for a random drive", async () => {
    for (let i = 0; i < 50; i++) await point(i * 130, i * i * 0.1)
    await rollUp()
    const { rows } = await client.query(
      `SELECT (SELECT count(*)::integer FROM driver_location_events) AS points, (SELECT sum(points)::integer FROM driver_location_hourly) AS rolled`
    )
    expect(rows).toEqual([{ points: 50, rolled: 50 }])
  })
})

describe("the day's summary", () => {
  it("counts orders, deliveries and drives, and is refreshed while others read it", async () => {
    for (const [table, row] of goodRows) {
      if (["wechat_accounts", "customers", "delivery_addresses", "orders", "shipments"].includes(table)) {
        await insertRow(client, table, row)
      }
    }
    await client.query("UPDATE orders SET status = 'fulfilled', ended_at = now()")
    await client.query(
      "UPDATE shipments SET status = 'delivered', ended_at = now(), promised_arrival_at = now() + interval '1 minute'"
    )
    await point(0, 0)
    await point(60, 1)
    await rollUp()
    await client.query("BEGIN")
    await client.query("SELECT * FROM daily_dispatch_summary")
    await jobs.query("SELECT refresh_daily_summary()")
    await client.query("COMMIT")
    const { rows } = await client.query(
      `SELECT orders_placed::integer AS placed, total_placed, orders_fulfilled::integer AS fulfilled, shipments_delivered::integer AS delivered,
         promised::integer AS promised, on_time::integer AS on_time FROM daily_dispatch_summary WHERE orders_placed > 0`
    )
    expect(rows).toEqual([{ placed: 1, total_placed: "1.00", fulfilled: 1, delivered: 1, promised: 1, on_time: 1 }])
    const { rows: driven } = await client.query(
      "SELECT drivers_active::integer AS drivers, points::integer AS points FROM daily_dispatch_summary WHERE points > 0"
    )
    expect(driven).toEqual([{ drivers: 1, points: 2 }])
  })
})
