import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { foldProblems } from "../../kit/FoldedShipments.ts"
import { newShipment } from "../../kit/PlacedOrder.ts"
import { adminToken, call, newCustomer, newDriver } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"

interface Assignment {
  readonly id: string
  readonly shipment_id: string
  readonly driver_id: string
  readonly status: string
  readonly fencing_token: number
  readonly code?: string
  readonly allowed?: ReadonlyArray<string>
}

let rest: RestServer
let admin: string
const drivers: Array<string> = []

beforeAll(async () => {
  rest = await startRest()
  admin = await adminToken(rest.url)
  for (let i = 0; i < 10; i++) drivers.push((await newDriver(rest.url, admin)).id)
})
afterAll(() => rest.stop())
afterEach(async () => {
  expect(await foldProblems(rest.databaseUrl)).toEqual([])
})

const ask = (shipmentId: string, what: string, body: unknown = {}, key?: string) =>
  call<Assignment>(rest.url, "POST", `/v1/shipments/${shipmentId}/${what}`, {
    token: admin,
    body,
    ...(key === undefined ? {} : { headers: { "idempotency-key": key } })
  })

const statusOf = async (shipmentId: string) =>
  (await call<{ status: string; sequence: number }>(rest.url, "GET", `/v1/shipments/${shipmentId}`, { token: admin }))
    .body

describe("shipments", () => {
  it("assigning yields an accepted assignment at once, and the same driver again is the same assignment", async () => {
    const { shipmentId } = await newShipment(rest.url, admin)
    const first = await ask(shipmentId, "assign", { driver_id: drivers[0] })
    expect([first.status, first.body]).toEqual([
      200,
      expect.objectContaining({ shipment_id: shipmentId, driver_id: drivers[0], status: "accepted", fencing_token: 1 })
    ])
    const again = await ask(shipmentId, "assign", { driver_id: drivers[0] })
    expect([again.status, again.body.id]).toEqual([200, first.body.id])
    const other = await ask(shipmentId, "assign", { driver_id: drivers[1] })
    expect([other.status, other.body.code, other.body.allowed]).toEqual([
      409,
      "shipment_already_taken",
      ["reassign", "unassign", "cancel", "reschedule"]
    ])
  })

  it("of fifty who assign at once exactly one wins, and the others are told why", async () => {
    const { shipmentId } = await newShipment(rest.url, admin)
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => ask(shipmentId, "assign", { driver_id: drivers[i % drivers.length] }))
    )
    const winners = new Set(answers.filter((answer) => answer.status === 200).map((answer) => answer.body.driver_id))
    expect(winners.size).toBe(1)
    const losers = answers.filter((answer) => answer.status !== 200)
    expect(losers).toHaveLength(45)
    expect(new Set(losers.map((answer) => answer.body.code))).toEqual(new Set(["shipment_already_taken"]))
  })

  it("the same key assigns once and answers the same bytes", async () => {
    const { shipmentId } = await newShipment(rest.url, admin)
    const first = await ask(shipmentId, "assign", { driver_id: drivers[0] }, "assign-once")
    await ask(shipmentId, "reassign", { driver_id: drivers[1] })
    const again = await ask(shipmentId, "assign", { driver_id: drivers[0] }, "assign-once")
    expect([again.text, again.headers.get("idempotent-replayed")]).toEqual([first.text, "true"])
    const body = await call<{ assignment: Assignment }>(rest.url, "GET", `/v1/shipments/${shipmentId}`, {
      token: admin
    })
    expect(body.body.assignment).toMatchObject({ driver_id: drivers[1], fencing_token: 2 })
  })

  it("is taken from one driver and given to another with a higher token, until it waits or is cancelled", async () => {
    const { shipmentId } = await newShipment(rest.url, admin)
    await ask(shipmentId, "assign", { driver_id: drivers[0] })
    const next = await ask(shipmentId, "reassign", { driver_id: drivers[2] })
    expect(next.body).toMatchObject({ driver_id: drivers[2], status: "accepted", fencing_token: 2 })
    expect((await ask(shipmentId, "unassign", { reason: "sick" })).status).toBe(200)
    expect(await statusOf(shipmentId)).toMatchObject({ status: "dispatching" })
    const third = await ask(shipmentId, "assign", { driver_id: drivers[0] })
    expect(third.body.fencing_token).toBe(3)
    await ask(shipmentId, "cancel", {})
    expect(await statusOf(shipmentId)).toMatchObject({ status: "cancelled" })
    const late = await ask(shipmentId, "assign", { driver_id: drivers[0] })
    expect([late.status, late.body.code, late.body.allowed]).toEqual([409, "illegal_transition", []])
  })

  it("is not given to a driver who is unknown or suspended", async () => {
    const { shipmentId } = await newShipment(rest.url, admin)
    const unknown = await ask(shipmentId, "assign", { driver_id: "drv_019a0000-0000-7000-8000-000000000000" })
    expect([unknown.status, unknown.body.code]).toEqual([422, "invalid_body"])
    const driver = await newDriver(rest.url, admin)
    await call(rest.url, "PATCH", `/v1/drivers/${driver.id}`, { token: admin, body: { status: "suspended" } })
    const suspended = await ask(shipmentId, "assign", { driver_id: driver.id })
    expect([suspended.status, suspended.body.code]).toEqual([409, "driver_suspended"])
  })

  it("a timeline tells every transition once, in order, with who and when", async () => {
    const { shipmentId } = await newShipment(rest.url, admin)
    await ask(shipmentId, "assign", { driver_id: drivers[0] })
    type Event = { sequence: number; type: string; actor: { kind: string; id: string }; data: Record<string, unknown> }
    const read = async (query: string) =>
      (
        await call<{ data: ReadonlyArray<Event>; next_cursor: string | null }>(
          rest.url,
          "GET",
          `/v1/shipments/${shipmentId}/timeline${query}`,
          { token: admin }
        )
      ).body
    const whole = await read("")
    expect(whole.data.map((event) => [event.sequence, event.type])).toEqual([
      [1, "shipment.created"],
      [2, "shipment.dispatching"],
      [3, "shipment.assigned"]
    ])
    expect(whole.data[2]).toMatchObject({ actor: { kind: "admin" }, data: { driver_id: drivers[0], fencing_token: 1 } })
    const first = await read("?limit=2")
    const rest2 = await read(`?limit=2&cursor=${first.next_cursor}`)
    expect([...first.data, ...rest2.data]).toEqual(whole.data)
  })

  it("waits as created when dispatching is manual, and can be assigned from there", async () => {
    const setMode = (mode: string) =>
      rest.run(
        Effect.flatMap(
          SqlClient.SqlClient,
          (sql) => sql`UPDATE system_settings SET value = to_jsonb(${mode}::text) WHERE key = 'dispatch.mode'`
        )
      )
    await setMode("manual")
    try {
      const { shipmentId } = await newShipment(rest.url, admin)
      expect(await statusOf(shipmentId)).toMatchObject({ status: "created", sequence: 1 })
      await ask(shipmentId, "assign", { driver_id: drivers[0] })
      expect(await statusOf(shipmentId)).toMatchObject({ status: "assigned", sequence: 3 })
    } finally {
      await setMode("automatic")
    }
  })

  it("has the stops of its order, pickup before drop-off", async () => {
    const { shipmentId } = await newShipment(rest.url, admin)
    const stops = await call<{ data: ReadonlyArray<{ type: string; position: number; status: string }> }>(
      rest.url,
      "GET",
      `/v1/shipments/${shipmentId}/stops`,
      { token: admin }
    )
    expect(stops.body.data.map(({ type, position, status }) => [type, position, status])).toEqual([
      ["pickup", 1, "planned"],
      ["dropoff", 2, "planned"]
    ])
  })

  it("is the staff's business: its customer is answered as if there were none", async () => {
    const customer = await newCustomer(rest.url)
    const { shipmentId } = await newShipment(rest.url, admin, customer.access_token)
    for (const path of ["", "/timeline", "/stops"]) {
      const answer = await call(rest.url, "GET", `/v1/shipments/${shipmentId}${path}`, { token: customer.access_token })
      expect([answer.status, answer.body.code], path).toEqual([404, "not_found"])
    }
  })
})
