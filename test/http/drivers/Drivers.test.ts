import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { adminToken, call, freshEmail, login, newDriver, type Tokens, withRole } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"
import { until } from "../../kit/Until.ts"

let rest: RestServer
let url: string
let admin: string

beforeAll(async () => {
  rest = await startRest()
  url = rest.url
  admin = await adminToken(url)
})
afterAll(() => rest.stop())

type Listed = {
  readonly data: ReadonlyArray<{ readonly id: string }>
  readonly next_cursor: string | null
  readonly has_more: boolean
}
const api = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  call(url, method, path, { token: admin, body, headers })

describe("drivers", () => {
  it("are made with a password and a vehicle, or invited without", async () => {
    const email = freshEmail()
    const made = await api("POST", "/v1/drivers", {
      email,
      password: "a driver's password",
      name: "Vera",
      phone: "+32470000000",
      vehicle: { type: "van", plate: "1-ABC-234", capacity: { parcels: 80 } }
    })
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({
      id: expect.stringMatching(/^drv_/),
      user_id: expect.stringMatching(/^usr_/),
      name: "Vera",
      status: "active"
    })
    expect(made.headers.get("location")).toBe(`/v1/drivers/${made.body.id}`)
    expect((await api("GET", `/v1/drivers/${made.body.id}/vehicle`)).body).toMatchObject({
      type: "van",
      plate: "1-ABC-234",
      capacity: { parcels: 80 }
    })
    const tokens: Tokens = await login(url, email, "a driver's password")
    expect((await call(url, "GET", `/v1/drivers/${made.body.id}`, { token: tokens.access_token })).status).toBe(200)
    expect((await api("POST", "/v1/drivers", { email: freshEmail(), name: "Ivo" })).body.status).toBe("invited")
  })

  it("a taken plate leaves no driver behind", async () => {
    const email = freshEmail()
    await api("POST", "/v1/vehicles", { type: "car", plate: "TAKEN" })
    const refused = await api("POST", "/v1/drivers", { email, name: "A", vehicle: { type: "van", plate: "TAKEN" } })
    expect(refused).toMatchObject({ status: 409, body: { code: "plate_taken" } })
    expect((await api("POST", "/v1/drivers", { email, name: "A" })).status).toBe(201)
  })
})

describe("the list of drivers", () => {
  it("comes in pages that neither repeat nor miss one while others are made", async () => {
    for (let i = 0; i < 12; i++) await newDriver(url, admin, `Paged ${i}`)
    const seen: Array<string> = []
    let cursor: string | null = null
    do {
      const query: string = cursor === null ? "" : `&cursor=${cursor}`
      const page = (await api("GET", `/v1/drivers?limit=5&q=paged${query}`)).body as unknown as Listed
      seen.push(...page.data.map((driver) => driver.id))
      expect(page.has_more).toBe(page.next_cursor !== null)
      cursor = page.next_cursor
      if (seen.length < 12) await newDriver(url, admin, "Somebody else")
    } while (cursor !== null)
    expect(seen).toHaveLength(12)
    expect(new Set(seen).size).toBe(12)
  })

  it("does not take wildcards from the client", async () => {
    await newDriver(url, admin, "100% sure_thing")
    const found = async (q: string) =>
      ((await api("GET", `/v1/drivers?q=${encodeURIComponent(q)}`)).body as unknown as Listed).data.length
    expect(await found("0% sure_")).toBe(1)
    expect(await found("s_re")).toBe(0)
    expect(await found("'; DROP TABLE drivers; --")).toBe(0)
  })

  it("refuses a cursor that is not its own", async () => {
    const users = (await api("GET", "/v1/users?limit=1")).body as unknown as Listed
    for (const cursor of [
      "x",
      "",
      "bm90IGpzb24",
      users.next_cursor ?? "",
      Buffer.from('["drivers","no uuid"]').toString("base64url")
    ]) {
      expect(await api("GET", `/v1/drivers?cursor=${cursor}`)).toMatchObject({
        status: 400,
        body: { code: "invalid_cursor" }
      })
    }
  })
})

describe("a driver", () => {
  it("changes only at the version that was read", async () => {
    const driver = await newDriver(url, admin)
    const path = `/v1/drivers/${driver.id}`
    const etag = (await api("GET", path)).headers.get("etag") ?? ""
    const both = await Promise.all(["Anna", "Bert"].map((name) => api("PATCH", path, { name }, { "if-match": etag })))
    expect(both.map((answer) => answer.status).sort()).toEqual([200, 412])
    expect((await api("PATCH", path, { name: "Any" }, { "if-match": "*" })).status).toBe(200)
    for (const tag of ["3", 'W/"3"', "nonsense"]) {
      expect((await api("PATCH", path, { name: "No" }, { "if-match": tag })).status, tag).toBe(412)
    }
  })

  it("who is suspended loses their tokens and gets no new ones", async () => {
    const driver = await newDriver(url, admin)
    const path = `/v1/drivers/${driver.id}`
    expect((await api("PATCH", path, { status: "suspended" })).body.status).toBe("suspended")
    await until(
      "the token is refused",
      () => call(url, "GET", path, { token: driver.token }),
      (answer) => answer.status === 401,
      1_000
    )
    expect(await api("POST", `${path}/tokens`, {})).toMatchObject({ status: 409, body: { code: "driver_suspended" } })
  })

  it("who is removed is gone for everybody, and the address is free again", async () => {
    const email = freshEmail()
    const made = await api("POST", "/v1/drivers", { email, name: "Leaver", password: "a driver's password" })
    const path = `/v1/drivers/${made.body.id}`
    const tokens = await login(url, email, "a driver's password")
    expect((await api("DELETE", path)).status).toBe(204)
    await until(
      "the token is refused",
      () => call(url, "GET", path, { token: tokens.access_token }),
      (answer) => answer.status === 401,
      1_000
    )
    for (const [method, body] of [
      ["GET", undefined],
      ["PATCH", { name: "X" }],
      ["DELETE", undefined]
    ] as const) {
      expect((await api(method, path, body)).status, method).toBe(404)
    }
    expect((await api("POST", `${path}/tokens`, {})).status).toBe(404)
    expect((await api("POST", "/v1/drivers", { email, name: "Successor" })).status).toBe(201)
  })

  it("takes and gives back vehicles, and only ones that exist", async () => {
    const driver = await newDriver(url, admin)
    const path = `/v1/drivers/${driver.id}`
    const vehicle = await api("POST", "/v1/vehicles", { type: "bicycle" })
    expect((await api("PUT", `${path}/vehicle`, { vehicle_id: vehicle.body.id })).body.type).toBe("bicycle")
    expect((await api("GET", path)).body.vehicle_id).toBe(vehicle.body.id)
    const unknown = { vehicle_id: "veh_019a0000-0000-7000-8000-000000000000" }
    expect(await api("PUT", `${path}/vehicle`, unknown)).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: "/vehicle_id", code: "not_found" }] }
    })
    expect((await api("DELETE", `/v1/vehicles/${vehicle.body.id}`)).status).toBe(204)
    expect((await api("GET", path)).body.vehicle_id).toBeNull()
    const region = {
      type: "Polygon",
      coordinates: [
        [
          [4, 50],
          [5, 50],
          [5, 51],
          [4, 50]
        ]
      ]
    }
    const profile = await api("PATCH", `${path}/profile`, { license: { class: "B" }, service_region: region })
    expect(profile.body).toMatchObject({ license: { class: "B" }, service_region: region })
    expect((await api("PATCH", `${path}/profile`, { service_region: { type: "Point" } })).status).toBe(422)
  })
})

describe("driver tokens", () => {
  it("are issued for many at once, in the order that was asked", async () => {
    const drivers = [await newDriver(url, admin), await newDriver(url, admin), await newDriver(url, admin)]
    const driverIds = drivers.map((driver) => driver.id).reverse()
    const issued = await call<{
      data: ReadonlyArray<{ driver_id: string; access_token: string; expires_in_s: number }>
    }>(url, "POST", "/v1/drivers/tokens", { token: admin, body: { driver_ids: driverIds, ttl_s: 60 } })
    expect(issued.status).toBe(201)
    expect(issued.body.data.map((each) => each.driver_id)).toEqual(driverIds)
    for (const each of issued.body.data) {
      expect(each.expires_in_s).toBe(60)
      expect((await call(url, "GET", `/v1/drivers/${each.driver_id}`, { token: each.access_token })).status).toBe(200)
    }
  })

  it("are issued to all or to none", async () => {
    const driver = await newDriver(url, admin)
    const body = { driver_ids: [driver.id, "drv_019a0000-0000-7000-8000-000000000000"] }
    expect(await api("POST", "/v1/drivers/tokens", body)).toMatchObject({
      status: 422,
      body: { code: "invalid_body", errors: [{ pointer: "/driver_ids/1", code: "not_found" }] }
    })
    for (const ids of [[], Array.from({ length: 1001 }, () => driver.id)]) {
      expect((await api("POST", "/v1/drivers/tokens", { driver_ids: ids })).status).toBe(422)
    }
    for (const ttl of [0, 86_401, 1.5, "60"])
      expect((await api("POST", `/v1/drivers/${driver.id}/tokens`, { ttl_s: ttl })).status, String(ttl)).toBe(422)
  })

  it("are a driver's only, whatever else their user may do", async () => {
    const email = freshEmail()
    const made = await api("POST", "/v1/drivers", { email, name: "Both", password: "a driver's password" })
    await api("POST", `/v1/users/${made.body.user_id}/roles`, { role: "admin" })
    const issued = await api("POST", `/v1/drivers/${made.body.id}/tokens`, {})
    expect((await call(url, "GET", "/v1/users", { token: String(issued.body.access_token) })).status).toBe(403)
  })

  it("end with every login when a dispatcher reports the phone lost", async () => {
    const dispatcher = await withRole(url, admin, "dispatcher")
    const driver = await newDriver(url, admin)
    const path = `/v1/drivers/${driver.id}`
    expect((await call(url, "DELETE", `${path}/sessions`, { token: dispatcher.access_token })).status).toBe(204)
    await until(
      "the token is refused",
      () => call(url, "GET", path, { token: driver.token }),
      (answer) => answer.status === 401,
      1_000
    )
  })
})

describe("a thousand drivers", () => {
  it("are made by one administrator, and given tokens in one request, within the ordinary limits", async () => {
    const ordinary = await startRest({
      limits: { requestsPerPrincipalPerMinute: 3_000, requestsPerAddressPerMinute: 12_000 },
      databaseUrl: rest.databaseUrl
    })
    const token = await adminToken(ordinary.url)
    const ids: Array<string> = []
    const workers = Array.from({ length: 16 }, async (_, worker) => {
      for (let n = worker; n < 1_000; n += 16) {
        const made = await call<{ id: string }>(ordinary.url, "POST", "/v1/drivers", {
          token,
          body: { email: freshEmail(), name: `D ${n}` }
        })
        expect(made.status, made.text).toBe(201)
        ids.push(made.body.id)
      }
    })
    await Promise.all(workers)
    const issued = await call<{ data: ReadonlyArray<unknown> }>(ordinary.url, "POST", "/v1/drivers/tokens", {
      token,
      body: { driver_ids: ids }
    })
    expect(issued.status).toBe(201)
    expect(issued.body.data).toHaveLength(1_000)
    await ordinary.stop()
  }, 60_000)
})

describe("users", () => {
  it("get and lose grants, which ends their logins", async () => {
    const dispatcher = await withRole(url, admin, "dispatcher")
    const path = `/v1/users/${dispatcher.user.id}`
    expect((await api("GET", path)).body.roles).toEqual(["customer", "dispatcher"])
    expect((await api("DELETE", `${path}/roles/dispatcher`)).body.roles).toEqual(["customer"])
    await until(
      "the token is refused",
      () => call(url, "GET", "/v1/drivers", { token: dispatcher.access_token }),
      (answer) => answer.status === 401,
      1_000
    )
    expect((await api("DELETE", `${path}/roles/root`)).status).toBe(404)
  })

  it("always keep one administrator", async () => {
    const own = (await api("GET", "/v1/me")).body
    const others = (await api("GET", "/v1/users?role=admin")).body as unknown as Listed
    for (const { id } of others.data) if (id !== own.id) await api("DELETE", `/v1/users/${id}/roles/admin`)
    expect(await api("DELETE", `/v1/users/${own.id}/roles/admin`)).toMatchObject({
      status: 409,
      body: { code: "last_admin" }
    })
    expect(await api("PATCH", `/v1/users/${own.id}`, { status: "disabled" })).toMatchObject({
      status: 409,
      body: { code: "last_admin" }
    })
    expect((await api("GET", "/v1/me")).status).toBe(200)
  })
})
