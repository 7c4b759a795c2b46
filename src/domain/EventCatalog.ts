import { Schema } from "effect"
import { type IdKind, idPrefix } from "./Ids.ts"
import type { OrderEventType } from "./Order.ts"
import type { PaymentEventType } from "./Payment.ts"
import type { ShipmentEventType } from "./ShipmentEvent.ts"
import { proofTypes, taskTextLengthMax } from "./TaskPayload.ts"

/** JSON Schema shows the annotation; the check itself does not say what it looks for. */
const matching = (pattern: RegExp) =>
  Schema.String.annotate({ pattern: pattern.source }).check(Schema.isPattern(pattern))

const id = (kind: IdKind) => matching(new RegExp(`^${idPrefix[kind]}_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`))
const text = Schema.String.annotate({ minLength: 1, maxLength: taskTextLengthMax })
const unixMs = Schema.Int.annotate({ description: "Unix milliseconds" })

const reason = { reason: Schema.optionalKey(Schema.String) }
const assigned = { assignment_id: id("assignment") }
const noted = { ...assigned, note: Schema.optionalKey(text) }
const proofType = Schema.Literals(proofTypes)
const proof = Schema.Struct({
  type: proofType,
  file_id: Schema.optionalKey(id("file")),
  value: Schema.optionalKey(text),
  sha256: Schema.optionalKey(matching(/^[0-9a-f]{64}$/))
})
const proved = { ...noted, proof: Schema.optionalKey(proof), proofs: Schema.optionalKey(Schema.Array(proof)) }
const explained = { ...noted, reason_code: Schema.optionalKey(matching(/^[a-z][a-z0-9_]{0,39}$/)) }
const stop = Schema.Struct({
  stop_id: id("stop"),
  type: Schema.Literals(["pickup", "dropoff"]),
  position: Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))
})

/** Sums are integer minor units of an ISO 4217 currency. */
const paid = { payment_id: id("payment"), amount: Schema.Int, currency: Schema.String }
const unpaid = { ...paid, failure_code: matching(/^[a-z][a-z0-9_]*$/) }

/** What a type of event says: one sentence, and its `data` as the API shows it (`publicEventData`), which is plain JSON. */
export interface EventMeaning {
  readonly summary: string
  /** Keys that its data may have. */
  readonly keys: ReadonlyArray<string>
  readonly data: Schema.Codec<unknown, unknown>
}

const says = <Fields extends Schema.Struct.Fields>(summary: string, fields: Fields) => ({
  summary,
  keys: Object.keys(fields),
  data: Schema.Struct(fields)
})

/**
 * Every type that an order's log may hold, with the schema of its data. The log takes no other type, GET `/v1/event-types` is made
 * from it, and tests hold what was appended against it. A key may be added to a type; none is taken away or changes its meaning.
 */
export const eventCatalog = {
  "order.drafted": says("An order was made and may still change.", {}),
  "order.submitted": says("The customer wants it; its stock is held.", {}),
  "order.confirmed": says("It will be delivered; its shipment begins.", {}),
  "order.fulfilled": says("Its parcel was delivered.", reason),
  "order.cancelled": says("It will not be delivered; stock that was held is free again.", reason),
  "shipment.created": says("A shipment began, with the stops on its way.", { stops: Schema.Array(stop) }),
  "shipment.dispatching": says("A driver is being looked for.", {}),
  "shipment.offered": says("Drivers were asked; the first who accepts has it.", {
    offers: Schema.Array(
      Schema.Struct({ ...assigned, driver_id: id("driver"), fencing_token: Schema.Int, expires_at: unixMs })
    )
  }),
  "shipment.offer_declined": says("A driver does not want it.", { ...assigned, driver_id: id("driver"), ...reason }),
  "shipment.offer_expired": says("Drivers did not answer in time.", { assignment_ids: Schema.Array(id("assignment")) }),
  "shipment.assigned": says("A driver has it; every other offer of it is over.", {
    ...assigned,
    driver_id: id("driver"),
    fencing_token: Schema.Int.annotate({ description: "higher than that of every assignment before" }),
    replaces: Schema.optionalKey(id("assignment").annotate({ description: "the assignment it was taken from" }))
  }),
  "shipment.unassigned": says("It was taken from its driver, and another one is looked for.", {
    ...assigned,
    ...reason
  }),
  "shipment.en_route_to_pickup": says("The driver is on the way to the pickup.", proved),
  "shipment.at_pickup": says("The driver is at the pickup.", proved),
  "shipment.picked_up": says("The driver has the parcel.", proved),
  "shipment.en_route": says("The driver is on the way to the door.", proved),
  "shipment.arrived": says("The driver is at the door.", proved),
  "shipment.delivered": says("The parcel was handed over.", proved),
  "shipment.handed_off": says("The driver gave the parcel up, or it was taken from them, for another one.", {
    ...explained,
    ...reason,
    to_driver_id: Schema.optionalKey(id("driver").annotate({ description: "who is asked to take it" }))
  }),
  "shipment.failed": says("The parcel could not be handed over.", explained),
  "shipment.retrying": says("Another attempt after a failed one; a driver is looked for.", assigned),
  "shipment.rescheduled": says("Another window is promised.", { window_start: unixMs, window_end: unixMs }),
  "shipment.returning": says("The parcel is on its way back.", assigned),
  "shipment.return_assigned": says("Another driver than before brings the parcel back.", {
    ...assigned,
    ...reason,
    driver_id: id("driver"),
    fencing_token: Schema.Int,
    replaces: Schema.optionalKey(id("assignment"))
  }),
  "shipment.returned": says("The parcel is back.", { ...explained, ...reason }),
  "shipment.cancelled": says("The shipment ended before its pickup.", {
    assignment_id: Schema.optionalKey(id("assignment")),
    ...reason
  }),
  "payment.authorized": says("The payment is good; nothing is taken yet.", paid),
  "payment.failed": says("The payment was declined or given up by its processor; it can be tried again.", unpaid),
  "payment.settled": says("What was authorized is taken.", paid),
  "payment.voided": says("An authorization was given up; nothing was taken.", unpaid),
  "payment.refunded": says("A part of what was taken, or all of it, went back.", { ...paid, refund_id: id("refund") }),
  "eta.changed": says("The committed estimate of the arrival has moved far.", {
    p50_at: unixMs,
    p90_at: unixMs,
    computed_at: unixMs,
    source: Schema.Literals(["position", "schedule"])
  }),
  "proof.added": says("A proof of the delivery is whole: its file, if it is one, is stored.", {
    proof_id: id("proof"),
    type: proofType,
    file_id: Schema.optionalKey(id("file"))
  }),
  "proof.waived": says("The delivery may do without a proof that it required.", { type: proofType, ...reason }),
  "message.created": says("Somebody wrote in the order's thread.", {
    thread_id: id("thread"),
    message_id: id("message"),
    author_role: Schema.Literals(["customer", "driver", "staff", "system"])
  })
} as const satisfies Readonly<Record<OrderEventType | PaymentEventType | ShipmentEventType, EventMeaning>> &
  Readonly<Record<string, EventMeaning>>

/** One of the types. */
export type EventType = keyof typeof eventCatalog

/** Every type, in the order of the catalog. */
export const eventTypes = Object.keys(eventCatalog) as ReadonlyArray<EventType>

/** Whether a text names a type. */
export const isEventType = (type: string): type is EventType => Object.hasOwn(eventCatalog, type)

/** The JSON Schema (2020-12) of a type's data. Keys that it does not name may come. */
export const eventDataSchema = (type: EventType): Readonly<Record<string, unknown>> => {
  const { keys, data } = eventCatalog[type]
  // A struct without keys says nothing, not even that it is an object.
  const schema =
    keys.length === 0
      ? { type: "object", properties: {}, additionalProperties: true }
      : Schema.toJsonSchemaDocument(data, {
          includeAnnotationKey: (key) => ["pattern", "minLength", "maxLength"].includes(key)
        }).schema
  return { $schema: "https://json-schema.org/draft/2020-12/schema", title: type, ...schema }
}
