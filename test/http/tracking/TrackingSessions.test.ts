import { createHash } from "node:crypto"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { inRowScope, systemScope } from "../../../src/persistence/RowScope.ts"
import { newOrder, newProduct, newShipment } from "../../kit/PlacedOrder.ts"
import { adminToken, call, newCustomer, newDriver } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"

interface Session {
  readonly id: string
  readonly token: string
  readonly url: string
  readonly websocket_url: string
  readonly expires_at: string
}

let rest: RestServer
let admin: string
let customer: Awaited<ReturnType<typeof newCustomer>>
let productId: string

beforeAll(async () => {
  rest = await startRest({ env: { publicUrl: "https://track.example" } })
  admin = await adminToken(rest.url)
  customer = await newCustomer(rest.url)
  productId = await newProduct(rest.url, admin)
})
afterAll(() => rest.stop())

const open = (orderId: string, token: string, body: unknown = {}, key?: string) =>
  call<Session>(rest.url, "POST", `/v1/orders/${orderId}/tracking-sessions`, {
    token,
    body,
    ...(key === undefined ? {} : { headers: { "idempotency-key": key } })
  })

const snapshot = (token: string) =>
  call<{ code?: string; state: Record<string, unknown>; offset: number }>(rest.url, "GET", "/v1/tracking", { token })

/** Sees every row, as the server itself does. */
const asServer = <A, E>(effect: Effect.Effect<A, E, SqlClient.SqlClient>): Promise<A> =>
  rest.run(inRowScope(systemScope, effect))

describe("tracking sessions", () => {
  it("a customer's link opens their order, and only its hash is kept", async () => {
    const order = await newOrder(rest.url, customer.access_token, productId)
    const made = await open(order.id, customer.access_token, { ttl_s: 60 })
    expect(made.status).toBe(201)
    expect(made.body.url).toBe(`https://track.example/t/#${made.body.token}`)
    expect(made.body.websocket_url).toBe("wss://track.example/v1/track")
    const seen = await snapshot(made.body.token)
    expect([seen.status, seen.body.offset]).toEqual([200, 2])
    expect(seen.body.state).toMatchObject({ order_id: order.id, stage: "scheduled" })
    expect(Object.keys(seen.body.state)).not.toContain("driver")
    const kept = await asServer(
      Effect.flatMap(
        SqlClient.SqlClient,
        (sql) =>
          sql<{ hash: Uint8Array; body: string }>`SELECT t.session_token AS hash,
          (SELECT coalesce(string_agg(encode(response_body, 'escape'), ''), '') FROM idempotency_keys) AS body
          FROM tracking_sessions t WHERE t.id = ${made.body.id.slice(4)}`
      )
    )
    const hash = createHash("sha256").update(made.body.token).digest()
    expect(Buffer.compare(kept[0]?.hash ?? new Uint8Array(), hash)).toBe(0)
    expect(kept[0]?.body).not.toContain(made.body.token)
  })

  it("an order that was promised for a window is expected within it, once it is confirmed", async () => {
    const [start, end] = [Date.now() + 3_600_000, Date.now() + 7_200_000]
    const window = { start: new Date(start).toISOString(), end: new Date(end).toISOString() }
    const order = await newOrder(rest.url, customer.access_token, productId, { window })
    const { token } = (await open(order.id, customer.access_token)).body
    expect((await snapshot(token)).body.state).not.toHaveProperty("eta")
    await call(rest.url, "POST", `/v1/orders/${order.id}/confirm`, { token: admin, body: {} })
    const { eta } = (await snapshot(token)).body.state
    expect(eta).toMatchObject({ p90_at: end, computed_at: expect.any(Number), source: "schedule" })
    expect((eta as { p50_at: number }).p50_at).toBeGreaterThan(start)
  })

  it("a replay under the same key shows the same token, which nothing has kept", async () => {
    const order = await newOrder(rest.url, customer.access_token, productId)
    const first = await open(order.id, customer.access_token, { ttl_s: 600 }, "track-once")
    const again = await open(order.id, customer.access_token, { ttl_s: 600 }, "track-once")
    expect([again.status, again.text, again.headers.get("idempotent-replayed")]).toEqual([201, first.text, "true"])
    const bodies = await asServer(
      Effect.flatMap(
        SqlClient.SqlClient,
        (sql) => sql<{ body: string }>`SELECT encode(response_body, 'escape') AS body FROM idempotency_keys`
      )
    )
    expect(bodies.some(({ body }) => body.includes(first.body.token))).toBe(false)
  })

  it("a revoked link is dead, and an expired one says so", async () => {
    const order = await newOrder(rest.url, customer.access_token, productId)
    const made = await open(order.id, customer.access_token)
    const listed = () =>
      call<{ data: ReadonlyArray<unknown> }>(rest.url, "GET", `/v1/orders/${order.id}/tracking-sessions`, {
        token: customer.access_token
      })
    expect((await listed()).body.data).toHaveLength(1)
    const revoke = (token: string) => call(rest.url, "DELETE", `/v1/tracking-sessions/${made.body.id}`, { token })
    expect((await revoke((await newCustomer(rest.url)).access_token)).status).toBe(404)
    expect((await revoke(customer.access_token)).status).toBe(204)
    expect((await revoke(customer.access_token)).status).toBe(204)
    expect((await listed()).body.data).toHaveLength(0)
    const dead = await snapshot(made.body.token)
    expect([dead.status, dead.body.code]).toEqual([410, "tracking_revoked"])
    const short = await open(order.id, customer.access_token)
    await asServer(
      Effect.flatMap(
        SqlClient.SqlClient,
        (sql) =>
          sql`UPDATE tracking_sessions SET expires_at = now() - interval '1 second' WHERE id = ${short.body.id.slice(4)}`
      )
    )
    const late = await snapshot(short.body.token)
    expect([late.status, late.body.code]).toEqual([410, "tracking_expired"])
  })

  it("a guessed token and a foreign order open nothing", async () => {
    const order = await newOrder(rest.url, customer.access_token, productId)
    const stranger = await newCustomer(rest.url)
    expect((await open(order.id, stranger.access_token)).status).toBe(404)
    const guessed = await snapshot("dmt_guess")
    expect([guessed.status, guessed.body.code]).toEqual([401, "token_invalid"])
    const none = await call(rest.url, "GET", "/v1/tracking")
    expect([none.status, none.body.code]).toEqual([401, "token_missing"])
  })

  it("shows first name and vehicle once assigned, and never more of the driver", async () => {
    const { orderId, shipmentId } = await newShipment(rest.url, admin, customer.access_token)
    const driver = await newDriver(rest.url, admin, "Nina Nachname")
    const vehicle = await call<{ id: string }>(rest.url, "POST", "/v1/vehicles", {
      token: admin,
      body: { type: "van", colour: "white", plate: "W-12345X" }
    })
    await call(rest.url, "PUT", `/v1/drivers/${driver.id}/vehicle`, {
      token: admin,
      body: { vehicle_id: vehicle.body.id }
    })
    const { token } = (await open(orderId, customer.access_token)).body
    expect((await snapshot(token)).body.state).toMatchObject({ stage: "scheduled" })
    await call(rest.url, "POST", `/v1/shipments/${shipmentId}/assign`, { token: admin, body: { driver_id: driver.id } })
    const seen = await snapshot(token)
    expect(seen.body.state).toMatchObject({
      stage: "assigned",
      driver: { first_name: "Nina", vehicle: { type: "van", colour: "white", plate_hint: "45X" } }
    })
    expect(Object.keys(seen.body.state)).not.toContain("position")
    for (const secret of ["Nachname", driver.id.slice(4), "W-12345X"]) expect(seen.text).not.toContain(secret)
  })
})
