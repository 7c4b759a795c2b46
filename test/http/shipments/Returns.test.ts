import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import type { TaskAction } from "../../../src/domain/TaskAction.ts"
import { reportSteps } from "../../kit/DriverReports.ts"
import { foldProblems } from "../../kit/FoldedShipments.ts"
import { newShipment } from "../../kit/PlacedOrder.ts"
import { adminToken, call, newDriver } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"

interface Answer {
  readonly id: string
  readonly driver_id?: string
  readonly status: string
  readonly fencing_token?: number
  readonly assignment?: { readonly id: string; readonly driver_id: string; readonly fencing_token: number }
  readonly code?: string
  readonly allowed?: ReadonlyArray<string>
  readonly errors?: ReadonlyArray<{ readonly pointer: string }>
}

let rest: RestServer
let admin: string

beforeAll(async () => {
  rest = await startRest()
  admin = await adminToken(rest.url)
})
afterAll(() => rest.stop())
afterEach(async () => {
  expect(await foldProblems(rest.databaseUrl)).toEqual([])
})

const ask = (shipmentId: string, what: string, body: unknown = {}, key?: string) =>
  call<Answer>(rest.url, "POST", `/v1/shipments/${shipmentId}/${what}`, {
    token: admin,
    body,
    ...(key === undefined ? {} : { headers: { "idempotency-key": key } })
  })
const read = async (path: string) => (await call<Answer>(rest.url, "GET", `/v1/${path}`, { token: admin })).body
const driver = async () => (await newDriver(rest.url, admin)).id

const report = (shipmentId: string, ...actions: ReadonlyArray<TaskAction>) =>
  reportSteps(rest, admin, shipmentId, ...actions)

const pickedUp = async () => {
  const placed = await newShipment(rest.url, admin)
  const first = await driver()
  await ask(placed.shipmentId, "assign", { driver_id: first })
  await report(placed.shipmentId, "en_route_to_pickup", "at_pickup", "picked_up")
  return { ...placed, first }
}

describe("a parcel on its way back", () => {
  it("is given to another driver for a reason, and the answer is the assignment that it has then", async () => {
    const { shipmentId, first } = await pickedUp()
    await report(shipmentId, "en_route", "arrived", "failed")
    await ask(shipmentId, "return")
    const next = await driver()
    const taken = await ask(shipmentId, "assign", { driver_id: next })
    expect([taken.status, taken.body.code, taken.body.allowed]).toEqual([
      409,
      "shipment_already_taken",
      ["mark_returned", "reassign"]
    ])
    const same = await ask(shipmentId, "assign", { driver_id: first })
    expect([same.status, same.body.driver_id, same.body.status]).toEqual([200, first, "failed"])
    const wordless = await ask(shipmentId, "reassign", { driver_id: next })
    expect([wordless.status, wordless.body.code]).toEqual([422, "invalid_body"])
    const given = await ask(shipmentId, "reassign", { driver_id: next, reason: "not heard of" }, "give-return")
    expect([given.status, given.body]).toMatchObject([200, { driver_id: next, status: "accepted", fencing_token: 2 }])
    const again = await ask(shipmentId, "reassign", { driver_id: next, reason: "not heard of" }, "give-return")
    expect(again.text).toBe(given.text)
    expect(await read(`shipments/${shipmentId}`)).toMatchObject({
      status: "returning",
      assignment: { driver_id: next }
    })
    await report(shipmentId, "returned")
    expect(await read(`shipments/${shipmentId}`)).toMatchObject({ status: "returned" })
  })

  it("is marked as returned by staff, who say why, once", async () => {
    const { shipmentId, orderId } = await pickedUp()
    const early = await ask(shipmentId, "mark-returned", { reason: "found in the hall" })
    expect([early.status, early.body.code, early.body.allowed]).toEqual([
      409,
      "illegal_transition",
      ["reassign", "unassign", "reschedule"]
    ])
    await report(shipmentId, "en_route", "arrived", "failed")
    for (const body of [{}, { reason: "" }]) {
      const { status, body: problem } = await ask(shipmentId, "mark-returned", body)
      expect([status, problem.errors?.map(({ pointer }) => pointer)]).toEqual([422, ["/reason"]])
    }
    const marked = await ask(shipmentId, "mark-returned", { reason: "found in the hall" })
    expect([marked.status, marked.body.status]).toEqual([200, "returned"])
    const again = await ask(shipmentId, "mark-returned", { reason: "found in the hall" })
    expect([again.status, again.body]).toEqual([200, marked.body])
    expect(await read(`orders/${orderId}`)).toMatchObject({ status: "cancelled" })
  })

  it("is one that was handed off and that nobody takes; it cannot be sent back before its pickup", async () => {
    const { shipmentId: fresh } = await newShipment(rest.url, admin)
    const refused = await ask(fresh, "return")
    expect([refused.status, refused.body.code]).toEqual([409, "illegal_transition"])
    expect(refused.body.allowed).not.toContain("start_return")
    const { shipmentId, orderId } = await pickedUp()
    await ask(shipmentId, "unassign", { reason: "not heard of" })
    const uncancelled = await ask(shipmentId, "cancel")
    expect([uncancelled.status, uncancelled.body.allowed]).toEqual([
      409,
      ["offer", "assign", "start_return", "mark_returned", "reschedule"]
    ])
    expect((await ask(shipmentId, "return")).body.status).toBe("returning")
    expect((await ask(shipmentId, "return")).body.status).toBe("returning")
    const next = await driver()
    expect((await ask(shipmentId, "assign", { driver_id: next })).body).toMatchObject({ driver_id: next })
    await report(shipmentId, "returned")
    expect(await read(`orders/${orderId}`)).toMatchObject({ status: "cancelled" })
  })
})
