import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { showExplanation } from "../../../src/http/shipments/ShownExplanation.ts"
import { replyToOffer, reportSteps } from "../../kit/DriverReports.ts"
import { foldProblems } from "../../kit/FoldedShipments.ts"
import { newShipment } from "../../kit/PlacedOrder.ts"
import { adminToken, call, newCustomer, newDriver, withRole } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"

interface Offer {
  readonly assignment_id: string
  readonly driver_id: string
  readonly fencing_token: number
}

interface By {
  readonly kind: string
  readonly id: string | null
}

interface Explanation {
  readonly origin: string | null
  readonly status: string
  readonly driver_id: string
  readonly asked_by: By | null
  readonly reason: string | null
  readonly replaces: string | null
  readonly candidates: ReadonlyArray<{
    readonly driver_id: string
    readonly answer: string
    readonly reason: string | null
    readonly fencing_token: number
    readonly asked_at: string
    readonly answered_at: string | null
    readonly expires_at: string | null
    readonly asked_by: By
  }>
  readonly taken_at: string | null
  readonly ended: {
    readonly type: string
    readonly by: By
    readonly reason: string | null
    readonly reason_code: string | null
  } | null
}

let rest: RestServer
let admin: string
const drivers: Array<string> = []

beforeAll(async () => {
  rest = await startRest()
  admin = await adminToken(rest.url)
  for (let i = 0; i < 4; i++) drivers.push((await newDriver(rest.url, admin)).id)
})
afterAll(() => rest.stop())
afterEach(async () => {
  expect(await foldProblems(rest.databaseUrl)).toEqual([])
})

const ask = async <Body>(shipmentId: string, what: string, body: unknown = {}): Promise<Body> => {
  const answer = await call<Body>(rest.url, "POST", `/v1/shipments/${shipmentId}/${what}`, { token: admin, body })
  expect([what, answer.status], answer.text).toEqual([what, what === "offer" ? 202 : 200])
  return answer.body
}
const assign = async (shipmentId: string, driverId: string | undefined): Promise<string> =>
  (await ask<{ id: string }>(shipmentId, "assign", { driver_id: driverId })).id
const offer = async (shipmentId: string, ...driverIds: ReadonlyArray<string | undefined>) =>
  (await ask<{ offers: ReadonlyArray<Offer> }>(shipmentId, "offer", { driver_ids: driverIds, ttl_s: 600 })).offers
const offerOf = (offers: ReadonlyArray<Offer>, driverId: string | undefined): Offer => {
  const own = offers.find((each) => each.driver_id === driverId)
  if (own === undefined) throw new Error("the driver was asked")
  return own
}
const explain = (assignmentId: string, token: string = admin) =>
  call<Explanation>(rest.url, "GET", `/v1/assignments/${assignmentId}/explanation`, { token })
const explained = async (assignmentId: string): Promise<Explanation> => {
  const { status, body, text } = await explain(assignmentId)
  if (status !== 200) throw new Error(text)
  return body
}
const answers = ({ candidates }: Explanation) => candidates.map((each) => [each.driver_id, each.answer, each.reason])

describe("GET explanation", () => {
  it("says that a person gave it without asking, and nothing that nobody knows", async () => {
    const { shipmentId } = await newShipment(rest.url, admin)
    const id = await assign(shipmentId, drivers[0])
    const why = await explained(id)
    expect(why).toMatchObject({
      assignment_id: id,
      shipment_id: shipmentId,
      driver_id: drivers[0],
      status: "accepted",
      fencing_token: 1,
      origin: "by_hand",
      asked_by: { kind: "admin", id: expect.stringMatching(/^usr_/) },
      reason: null,
      replaces: null,
      candidates: [],
      ended: null
    })
    expect(why.taken_at).not.toBeNull()
    expect(Object.keys(why).filter((key) => /score|distance|duration/.test(key))).toEqual([])
  })

  it("lists all who were asked since the shipment began to wait, with what each answered", async () => {
    const { shipmentId } = await newShipment(rest.url, admin)
    const [anna, ben, cleo, dora] = drivers
    const first = await offer(shipmentId, anna)
    await replyToOffer(rest, offerOf(first, anna), false, "too far")
    const second = await offer(shipmentId, ben, cleo)
    await replyToOffer(rest, offerOf(second, cleo), true)
    const won = await explained(offerOf(second, cleo).assignment_id)
    expect([won.origin, won.status, won.ended]).toEqual(["by_offer", "accepted", null])
    expect(answers(won)).toEqual([
      [anna, "declined", "too far"],
      [ben, "lost", null],
      [cleo, "accepted", null]
    ])
    expect(won.candidates.map((each) => each.fencing_token)).toEqual([1, 2, 3])
    for (const each of won.candidates) {
      expect([each.asked_by.kind, each.expires_at, each.answered_at]).toEqual([
        "admin",
        expect.any(String),
        expect.any(String)
      ])
      expect(Date.parse(each.answered_at ?? "")).toBeGreaterThanOrEqual(Date.parse(each.asked_at))
    }
    const lost = await explained(offerOf(second, ben).assignment_id)
    expect([lost.status, lost.taken_at, lost.ended?.type]).toEqual(["expired", null, "shipment.assigned"])
    expect(answers(lost)).toEqual(answers(won))

    const next = await ask<{ id: string }>(shipmentId, "reassign", { driver_id: dora })
    const taken = await explained(next.id)
    expect([taken.origin, taken.replaces, answers(taken)]).toEqual(["by_hand", offerOf(second, cleo).assignment_id, []])
    expect((await explained(offerOf(second, cleo).assignment_id)).ended).toMatchObject({ type: "shipment.assigned" })
  })

  it("tells an offer that is open from one that was withdrawn", async () => {
    const { shipmentId } = await newShipment(rest.url, admin)
    const [anna, ben] = drivers
    const open = offerOf(await offer(shipmentId, anna), anna)
    expect(answers(await explained(open.assignment_id))).toEqual([[anna, "open", null]])
    const next = offerOf(await offer(shipmentId, ben), ben)
    await ask(shipmentId, "cancel", {})
    expect(answers(await explained(next.assignment_id))).toEqual([
      [anna, "withdrawn", null],
      [ben, "withdrawn", null]
    ])
  })

  it("tells how it ended, and why staff took it from its driver", async () => {
    const { shipmentId } = await newShipment(rest.url, admin)
    const [anna, ben, cleo] = drivers
    const first = await assign(shipmentId, anna)
    await reportSteps(rest, admin, shipmentId, "en_route_to_pickup", "at_pickup", "picked_up")
    const second = await ask<{ id: string }>(shipmentId, "reassign", { driver_id: ben, reason: "an accident" })
    expect((await explained(first)).ended).toMatchObject({
      type: "shipment.handed_off",
      reason: "an accident",
      by: { kind: "admin" }
    })
    expect(await explained(second.id)).toMatchObject({ origin: "by_hand", reason: "an accident", replaces: null })
    await reportSteps(rest, admin, shipmentId, "en_route", "arrived", "failed")
    expect((await explained(second.id)).ended).toMatchObject({
      type: "shipment.failed",
      reason_code: "recipient_absent",
      by: { kind: "driver", id: ben }
    })
    await ask(shipmentId, "return")
    const third = await ask<{ id: string }>(shipmentId, "reassign", { driver_id: cleo, reason: "not heard of" })
    await ask(shipmentId, "mark-returned", { reason: "it is in the hall" })
    expect(await explained(third.id)).toMatchObject({
      status: "returned",
      reason: "not heard of",
      replaces: second.id,
      ended: { type: "shipment.returned", reason: "it is in the hall" }
    })
  })

  it("is what the row knows when the log of its time is not kept any more", () => {
    const at = new Date("2026-01-01T08:00:00Z")
    const id = "019a0000-0000-7000-8000-000000000000"
    const row = {
      id,
      shipment_id: id,
      driver_id: null,
      status: "delivered",
      fencing_token: 1,
      assigned_at: at,
      offered_at: null,
      expires_at: null,
      accepted_at: at,
      ended_at: at
    } as const
    expect(showExplanation(row, undefined)).toMatchObject({
      status: "delivered",
      origin: null,
      asked_at: at,
      asked_by: null,
      candidates: [],
      taken_at: at,
      ended: null
    })
  })

  it("is the staff's alone, and a foreign id is answered as an absent one", async () => {
    const customer = await newCustomer(rest.url)
    const { shipmentId } = await newShipment(rest.url, admin, customer.access_token)
    const driver = await newDriver(rest.url, admin)
    const id = await assign(shipmentId, driver.id)
    const absent = "asg_019a0000-0000-7000-8000-000000000000"
    for (const token of [customer.access_token, driver.token]) {
      const [foreign, none] = [await explain(id, token), await explain(absent, token)]
      expect([foreign.status, none.status]).toEqual([404, 404])
    }
    const support = (await withRole(rest.url, admin, "support")).access_token
    expect((await explain(id, support)).status).toBe(200)
    expect((await explain(absent, support)).status).toBe(404)
    expect((await explain("asg_7", support)).status).toBe(404)
  })
})
