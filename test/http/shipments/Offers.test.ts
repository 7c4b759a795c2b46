import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { foldProblems } from "../../kit/FoldedShipments.ts"
import { newShipment } from "../../kit/PlacedOrder.ts"
import { adminToken, call, newDriver } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"

interface Offered {
  readonly offers: ReadonlyArray<{
    readonly id: string
    readonly assignment_id: string
    readonly driver_id: string
    readonly status: string
    readonly fencing_token: number
    readonly expires_at: string
  }>
  readonly code?: string
  readonly errors?: ReadonlyArray<{ readonly pointer: string; readonly code: string }>
}

let rest: RestServer
let admin: string
const drivers: Array<string> = []

beforeAll(async () => {
  rest = await startRest()
  admin = await adminToken(rest.url)
  for (let i = 0; i < 3; i++) drivers.push((await newDriver(rest.url, admin)).id)
})
afterAll(() => rest.stop())
afterEach(async () => {
  expect(await foldProblems(rest.databaseUrl)).toEqual([])
})

const ask = (shipmentId: string, what: string, body: unknown, key?: string) =>
  call<Offered>(rest.url, "POST", `/v1/shipments/${shipmentId}/${what}`, {
    token: admin,
    body,
    ...(key === undefined ? {} : { headers: { "idempotency-key": key } })
  })

const nobody = "drv_019a0000-0000-7000-8000-000000000000"

describe("POST offer", () => {
  it("answers 202 with the open offers, once for a key, and asks nobody twice", async () => {
    const { shipmentId } = await newShipment(rest.url, admin)
    const body = { driver_ids: drivers.slice(0, 2), ttl_s: 60 }
    const first = await ask(shipmentId, "offer", body, "offer-once")
    expect(first.status).toBe(202)
    expect(first.body.offers.map((offer) => [offer.driver_id, offer.status, offer.fencing_token])).toEqual([
      [drivers[0], "pending", 1],
      [drivers[1], "pending", 2]
    ])
    expect(first.body.offers[0]?.id).toBe(first.body.offers[0]?.assignment_id.replace("asg_", "ofr_"))
    const again = await ask(shipmentId, "offer", body, "offer-once")
    expect([again.text, again.headers.get("idempotent-replayed")]).toEqual([first.text, "true"])
    const more = await ask(shipmentId, "offer", { driver_ids: drivers, ttl_s: 5 })
    expect(more.body.offers.map((offer) => offer.fencing_token)).toEqual([1, 2, 3])
    expect(more.body.offers[0]?.expires_at).toBe(first.body.offers[0]?.expires_at)
    const shown = await call<{ assignment: unknown; status: string }>(rest.url, "GET", `/v1/shipments/${shipmentId}`, {
      token: admin
    })
    expect(shown.body).toMatchObject({ status: "dispatching", assignment: null })
  })

  it("says what is wrong with whom it names, and changes nothing", async () => {
    const { shipmentId } = await newShipment(rest.url, admin)
    const unknown = await ask(shipmentId, "offer", { driver_ids: [drivers[0], nobody] })
    expect([unknown.status, unknown.body.errors]).toEqual([
      422,
      [expect.objectContaining({ pointer: "/driver_ids/1", code: "not_found" })]
    ])
    for (const body of [{ driver_ids: [] }, { ttl_s: 1 }, { ttl_s: 1e9 }, { driver_ids: [7] }, { drivers: [] }])
      expect((await ask(shipmentId, "offer", body)).status, JSON.stringify(body)).toBe(422)
    const none = await ask(shipmentId, "offer", {})
    expect([none.status, none.body.code]).toEqual([409, "no_driver_available"])
    const suspended = await newDriver(rest.url, admin)
    await call(rest.url, "PATCH", `/v1/drivers/${suspended.id}`, { token: admin, body: { status: "suspended" } })
    expect((await ask(shipmentId, "offer", { driver_ids: [suspended.id] })).body.code).toBe("driver_suspended")
    await ask(shipmentId, "assign", { driver_id: drivers[0] })
    expect((await ask(shipmentId, "offer", { driver_ids: [drivers[1]] })).body.code).toBe("shipment_already_taken")
    expect((await ask(nobody.replace("drv_", "shp_"), "offer", {})).status).toBe(404)
  })

  it("asks a driver no more who has as many open offers as they may have", async () => {
    const { id } = await newDriver(rest.url, admin)
    const answers: Array<string> = []
    for (let i = 0; i < 11; i++) {
      const { shipmentId } = await newShipment(rest.url, admin)
      const { status, body } = await ask(shipmentId, "offer", { driver_ids: [id], ttl_s: 600 })
      answers.push(body.code ?? String(status))
    }
    expect(answers).toEqual([...Array.from({ length: 10 }, () => "202"), "too_many_offers"])
  })
})

describe("what staff do about a shipment in a driver's hands", () => {
  it("retry and return need a failed attempt; another window must be ahead", async () => {
    const { shipmentId } = await newShipment(rest.url, admin)
    for (const what of ["retry", "return"])
      expect((await ask(shipmentId, what, {})).body.code, what).toBe("illegal_transition")
    const past = { window: { start: "2020-01-01T08:00:00Z", end: "2020-01-01T10:00:00Z" } }
    expect((await ask(shipmentId, "reschedule", past)).body.errors).toEqual([
      expect.objectContaining({ pointer: "/window/end", code: "invalid_value" })
    ])
    const ahead = { window: { start: "2030-01-01T08:00:00Z", end: "2030-01-01T10:00:00Z" } }
    const moved = await call<{ promised_arrival_at: string }>(
      rest.url,
      "POST",
      `/v1/shipments/${shipmentId}/reschedule`,
      { token: admin, body: ahead }
    )
    expect([moved.status, moved.body.promised_arrival_at]).toEqual([200, "2030-01-01T10:00:00.000Z"])
  })
})
