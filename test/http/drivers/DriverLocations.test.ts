import pg from "pg"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { bareId } from "../../../src/domain/Ids.ts"
import { adminToken, call, newCustomer, newDriver } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"

let rest: RestServer
let url: string
let admin: string
let writer: pg.Client

beforeAll(async () => {
  rest = await startRest()
  url = rest.url
  admin = await adminToken(url)
  writer = new pg.Client({ connectionString: rest.databaseUrl })
  await writer.connect()
  await writer.query(
    "SELECT ensure_telemetry_day((now() AT TIME ZONE 'UTC')::date + n) FROM generate_series(-4, 1) AS n"
  )
})
afterAll(async () => {
  await writer.end()
  await rest.stop()
})

const uuid = (id: string): string => bareId("driver", id) ?? ""

/** A point as another writer would insert it: it moves the marker by the trigger. */
const report = (id: string, lat: number, lng: number, recordedAt: Date, flags = 0) =>
  writer.query(
    "INSERT INTO driver_location_events (driver_id, recorded_at, lat, lng, speed, heading, accuracy, flags) VALUES ($1, $2, $3, $4, 12.34, 90, 5, $5)",
    [uuid(id), recordedAt, lat, lng, flags]
  )

const ago = (ms: number): Date => new Date(Date.now() - ms)

interface Point {
  readonly lat: number
  readonly lng: number
  readonly recorded_at: string
  readonly flags: ReadonlyArray<string>
}
interface Trail {
  readonly data: ReadonlyArray<Point>
  readonly next_cursor: string | null
  readonly has_more: boolean
}
const trail = (id: string, query = "", headers: Record<string, string> = {}) =>
  call<Trail & { type: string; coordinates: ReadonlyArray<unknown> }>(url, "GET", `/v1/drivers/${id}/trail${query}`, {
    token: admin,
    headers
  })

describe("location", () => {
  it("is the newest committed place, and says when it is stale", async () => {
    const driver = await newDriver(url, admin)
    const path = `/v1/drivers/${driver.id}/location`
    expect(await call(url, "GET", path, { token: admin })).toMatchObject({
      status: 404,
      body: { code: "location_unknown" }
    })
    const old = ago(300_000)
    await report(driver.id, 50.85, 4.35, old)
    expect((await call(url, "GET", path, { token: admin })).body).toMatchObject({
      driver_id: driver.id,
      lat: 50.85,
      lng: 4.35,
      recorded_at: old.toISOString(),
      speed_mps: 12.34,
      heading_deg: 90,
      accuracy_m: 5,
      stale: true
    })
    await report(driver.id, 50.86, 4.36, ago(1_000))
    await report(driver.id, 50.84, 4.34, ago(200_000))
    expect((await call(url, "GET", path, { token: driver.token })).body).toMatchObject({ lat: 50.86, stale: false })
  })

  it("is nobody else's business", async () => {
    const driver = await newDriver(url, admin)
    const other = await newDriver(url, admin)
    const customer = await newCustomer(url)
    await report(driver.id, 1, 2, ago(1_000))
    for (const token of [other.token, customer.access_token]) {
      const answer = await call(url, "GET", `/v1/drivers/${driver.id}/location`, { token })
      expect(answer).toMatchObject({ status: 404, body: { code: "not_found" } })
    }
  })
})

describe("trail", () => {
  it("comes in pages that hold every point once, in order", async () => {
    const driver = await newDriver(url, admin)
    const start = ago(3_600_000).getTime()
    for (let i = 0; i < 25; i++)
      await report(driver.id, 50 + i / 1_000, 4, new Date(start + (i >> 1) * 1_000), i === 3 ? 9 : 0)
    const seen: Array<Point> = []
    let cursor = ""
    for (;;) {
      const page = (await trail(driver.id, `?limit=4${cursor}`)).body
      seen.push(...page.data)
      if (page.next_cursor === null) break
      cursor = `&cursor=${page.next_cursor}`
    }
    expect(new Set(seen.map((point) => point.lat)).size).toBe(25)
    expect(seen).toHaveLength(25)
    const times = seen.map((point) => point.recorded_at)
    expect(times).toEqual([...times].sort())
    expect(seen.find((point) => point.flags.length > 0)?.flags).toEqual(["implausible_speed", "late"])
  })

  it("keeps to the time that was asked", async () => {
    const driver = await newDriver(url, admin)
    const start = ago(600_000)
    for (let i = 0; i < 10; i++) await report(driver.id, i, 4, new Date(start.getTime() + i * 1_000))
    const iso = (i: number): string => new Date(start.getTime() + i * 1_000).toISOString()
    const middle = await trail(driver.id, `?from=${iso(3)}&to=${iso(6)}`)
    expect(middle.body.data.map((point) => point.lat)).toEqual([3, 4, 5, 6])
    for (const query of [
      "?from=yesterday",
      "?to=2026-13-01T00:00:00Z",
      "?limit=0",
      "?limit=5001",
      "?simplify_m=-1",
      "?frm=x"
    ]) {
      expect(await trail(driver.id, query), query).toMatchObject({ status: 400, body: { code: "invalid_query" } })
    }
  })

  it("is a LineString for who accepts GeoJSON, cut at the antimeridian, and simpler on request", async () => {
    const driver = await newDriver(url, admin)
    const start = ago(600_000).getTime()
    for (let i = 0; i < 5; i++) await report(driver.id, 10, 100 + i, new Date(start + i * 1_000))
    const accept = { accept: "application/geo+json" }
    const line = await trail(driver.id, "", accept)
    expect(line.headers.get("content-type")).toBe("application/geo+json")
    expect(line.body).toMatchObject({
      type: "LineString",
      coordinates: [
        [100, 10],
        [101, 10],
        [102, 10],
        [103, 10],
        [104, 10]
      ]
    })
    expect((await trail(driver.id, "?simplify_m=2000")).body.data).toHaveLength(2)
    await report(driver.id, 10, 179, new Date(start + 5_000))
    await report(driver.id, 12, -179, new Date(start + 6_000))
    expect(
      (await trail(driver.id, `?limit=2&from=${new Date(start + 5_000).toISOString()}`, accept)).body
    ).toMatchObject({
      type: "MultiLineString",
      coordinates: [
        [
          [179, 10],
          [180, 11]
        ],
        [
          [-180, 11],
          [-179, 12]
        ]
      ]
    })
  })
})

describe("nearby", () => {
  interface Near {
    readonly data: ReadonlyArray<{ driver_id: string; distance_m: number; stale: boolean }>
    readonly has_more: boolean
  }
  const nearby = (query: string) => call<Near>(url, "GET", `/v1/drivers/nearby?${query}`, { token: admin })
  const found = async (query: string) => (await nearby(query)).body.data.map((each) => each.driver_id)

  it("gives the nearest first, with their distance, and not the stale", async () => {
    const [near, far, stale] = [await newDriver(url, admin), await newDriver(url, admin), await newDriver(url, admin)]
    await report(near.id, -33.001, 18, ago(1_000))
    await report(far.id, -33.02, 18, ago(1_000))
    await report(stale.id, -33, 18, ago(120_000))
    const answer = await nearby("lat=-33&lng=18&radius_m=3000")
    expect(answer.body.data.map((each) => each.driver_id)).toEqual([near.id, far.id])
    expect(answer.body.data[0]?.distance_m).toBeCloseTo(111.2, 0)
    expect(await found("lat=-33&lng=18&radius_m=200")).toEqual([near.id])
    expect(await found("lat=-33&lng=18&radius_m=3000&include_stale=true")).toEqual([stale.id, near.id, far.id])
    expect((await nearby("lat=-33&lng=18&radius_m=3000&limit=1")).body).toMatchObject({ has_more: true })
  })

  it("counts a driver where they are now, not where another of their phones was", async () => {
    const driver = await newDriver(url, admin)
    await report(driver.id, 60, 60, ago(30_000))
    await writer.query(
      "INSERT INTO driver_ingest_cursors (driver_id, device_no, marker_recorded_at, marker_received_at, marker_lat, marker_lng) VALUES ($1, 1, now(), now(), 61, 60)",
      [uuid(driver.id)]
    )
    expect(await found("lat=60&lng=60&radius_m=1000")).toEqual([])
    expect(await found("lat=61&lng=60&radius_m=1000")).toEqual([driver.id])
  })

  it("sees over the antimeridian and around the poles", async () => {
    const [west, east, pole] = [await newDriver(url, admin), await newDriver(url, admin), await newDriver(url, admin)]
    await report(west.id, 0, 179.99, ago(1_000))
    await report(east.id, 0, -179.99, ago(1_000))
    await report(pole.id, 89.99, 120, ago(1_000))
    expect((await found("lat=0&lng=180&radius_m=5000")).sort()).toEqual([west.id, east.id].sort())
    expect(await found("lat=0&lng=-179.995&radius_m=1000")).toEqual([east.id])
    expect(await found("lat=89.99&lng=-60&radius_m=5000")).toEqual([pole.id])
  })

  it("refuses a place that is not on earth", async () => {
    for (const query of [
      "lat=91&lng=0",
      "lat=0&lng=181",
      "lat=NaN&lng=0",
      "lng=0",
      "lat=0&lng=0&radius_m=0",
      "lat=0&lng=0&radius_m=100001"
    ]) {
      expect(await nearby(query), query).toMatchObject({ status: 400, body: { code: "invalid_query" } })
    }
  })
})
