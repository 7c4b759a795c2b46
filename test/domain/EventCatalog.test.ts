import { Effect, Redacted } from "effect"
import pg from "pg"
import { afterAll, beforeAll, expect, it } from "vitest"
import { customerEventTypes } from "../../src/domain/CustomerEvent.ts"
import { eventDataSchema, eventTypes, isEventType } from "../../src/domain/EventCatalog.ts"
import { shipmentEventTypes } from "../../src/domain/ShipmentEvent.ts"
import { migrate } from "../../src/persistence/Migrations.ts"
import { eventFault } from "../kit/KnownEvents.ts"
import { type FreshDatabase, freshDatabase } from "../kit/TestServices.ts"

let database: FreshDatabase
let client: pg.Client

beforeAll(async () => {
  database = await freshDatabase()
  await Effect.runPromise(migrate(Redacted.make(database.url)))
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
}, 60_000)

afterAll(async () => {
  await client.end()
  await database.drop()
})

const uuid = "01a20849-5479-79e6-b1ca-8a38957cecdd"

const fullProof = { type: "photo", value: "1234", file_id: uuid, sha256: "ab".repeat(32) }

/** Data with every key that a type may have, as the log keeps it. */
const fullData = (type: string): Readonly<Record<string, unknown>> => ({
  ...(/^order\.cancelled$|unassigned|cancelled/.test(type) ? { reason: "customer called" } : {}),
  ...(type === "shipment.created" ? { stops: [{ stop_id: uuid, type: "pickup", position: 1 }] } : {}),
  ...(type.startsWith("shipment.") && !/created|dispatching|offered|offer_expired|rescheduled/.test(type)
    ? { assignment_id: uuid }
    : {}),
  ...(type === "shipment.offered"
    ? { offers: [{ assignment_id: uuid, driver_id: uuid, fencing_token: 1, expires_at: 1 }] }
    : {}),
  ...(type === "shipment.offer_declined" ? { driver_id: uuid, reason: "too far" } : {}),
  ...(type === "shipment.offer_expired" ? { assignment_ids: [uuid] } : {}),
  ...(type === "shipment.rescheduled" ? { window_start: 1, window_end: 2 } : {}),
  ...(type === "shipment.handed_off" ? { to_driver_id: uuid, reason: "the driver vanished" } : {}),
  ...(type === "shipment.assigned" ? { driver_id: uuid, fencing_token: 2, replaces: uuid } : {}),
  ...(type === "shipment.return_assigned"
    ? { driver_id: uuid, fencing_token: 2, replaces: uuid, reason: "not heard of" }
    : {}),
  ...(type === "shipment.returned" ? { reason: "brought by a neighbour" } : {}),
  ...(/^shipment\.(handed_off|failed|returned)$/.test(type)
    ? { note: "nobody at home", reason_code: "not_at_home" }
    : {}),
  ...(type === "shipment.delivered" ? { note: "left inside", proof: fullProof, proofs: [fullProof] } : {}),
  ...(type === "proof.added" ? { proof_id: uuid, type: "photo", file_id: uuid } : {}),
  ...(type === "proof.waived" ? { type: "pin", reason: "no phone" } : {}),
  ...(type === "message.created" ? { thread_id: uuid, message_id: uuid, author_role: "driver" } : {}),
  ...(type.startsWith("payment.") ? { payment_id: uuid, amount: 1_250, currency: "EUR" } : {}),
  ...(/^payment\.(failed|voided)$/.test(type) ? { failure_code: "card_declined" } : {}),
  ...(type === "payment.refunded" ? { refund_id: uuid } : {}),
  ...(type === "eta.changed" ? { p50_at: 1, p90_at: 2, computed_at: 0, source: "position" } : {})
})

it("describes what each type says when it says all", () => {
  expect(
    eventTypes.map((type) => eventFault({ type, data: fullData(type) })).filter((fault) => fault !== undefined)
  ).toEqual([])
})

it("sees an unknown type, an unknown key and a wrong value", () => {
  expect(eventFault({ type: "order.lost", data: {} })).toMatch(/^order\.lost is not in/)
  expect(eventFault({ type: "order.drafted", data: { colour: "red" } })).toMatch(/colour/)
  expect(eventFault({ type: "shipment.returning", data: { assignment_id: "5" } })).toMatch(/assignment_id/)
})

it("still describes what erase_customer leaves of an event", async () => {
  for (const type of eventTypes) {
    const { rows } = await client.query<{ left: Record<string, unknown> }>(
      "SELECT impersonal_event_data($1::jsonb) AS left",
      [JSON.stringify(fullData(type))]
    )
    expect(eventFault({ type, data: rows[0]?.left ?? {} }), type).toBeUndefined()
  }
})

it("knows every type of a shipment, and every one that customers are shown", () => {
  expect([...shipmentEventTypes, ...customerEventTypes].filter((type) => !isEventType(type))).toEqual([])
})

it("is JSON Schema that leaves room for new keys", () => {
  for (const type of eventTypes)
    expect(eventDataSchema(type)).toMatchObject({ title: type, type: "object", additionalProperties: true })
})
