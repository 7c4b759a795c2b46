import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { shipmentStatuses } from "../../domain/Shipment.ts"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import { emptyPayload, idempotencyHeader, idField, pageOf, pageQuery, TimeField, withETag } from "../Field.ts"
import { ReasonField, reasonPayload, WindowField } from "../orders/CommerceField.ts"
import { OfferInput, OpenOffers } from "./OfferField.ts"

/** One driver's part in a shipment. */
export const Assignment = Schema.Struct({
  id: idField("assignment"),
  shipment_id: idField("shipment"),
  driver_id: Schema.NullOr(idField("driver")),
  status: Schema.String,
  fencing_token: Schema.Int,
  schedule_sequence: Schema.Int,
  assigned_at: TimeField
}).annotate({ identifier: "Assignment" })

/** The committed estimate of the drive to the drop-off, under way or over; watchers may know a newer one. */
export const CommittedEta = Schema.Struct({ p50_at: TimeField, p90_at: TimeField, computed_at: TimeField }).annotate({
  identifier: "CommittedEta"
})

/** A shipment as the API shows one, with its newest assignment. */
export const Shipment = Schema.Struct({
  id: idField("shipment"),
  order_id: idField("order"),
  status: Schema.String,
  sequence: Schema.Int,
  is_picked_up: Schema.Boolean,
  promised_arrival_at: Schema.NullOr(TimeField),
  eta: Schema.NullOr(CommittedEta),
  courier_notes: Schema.NullOr(Schema.String),
  assignment: Schema.NullOr(Assignment),
  created_at: TimeField,
  updated_at: TimeField,
  ended_at: Schema.NullOr(TimeField)
}).annotate({ identifier: "Shipment" })

const Stop = Schema.Struct({
  id: idField("stop"),
  /** The run that `position` counts in; null: the shipment itself. */
  run_id: Schema.NullOr(idField("run")),
  type: Schema.String,
  position: Schema.Int,
  status: Schema.String,
  lat: Schema.Finite,
  lng: Schema.Finite,
  address: Schema.NullOr(Schema.String),
  window: Schema.NullOr(Schema.Struct({ start: TimeField, end: TimeField })),
  expected_arrival_at: Schema.NullOr(TimeField),
  requirements: Schema.Array(Schema.String),
  arrived_at: Schema.NullOr(TimeField),
  ended_at: Schema.NullOr(TimeField)
}).annotate({ identifier: "Stop" })

const TimelineEvent = Schema.Struct({
  id: idField("event"),
  sequence: Schema.Int,
  type: Schema.String,
  occurred_at: TimeField,
  recorded_at: TimeField,
  actor: Schema.Struct({ kind: Schema.String, id: Schema.NullOr(Schema.String) }),
  data: Schema.Json
}).annotate({ identifier: "ShipmentEvent" })

const id = { id: idField("shipment") }
const reads = { permission: "shipments.read", knownTo: "shipments.read" } as const
const writes = { permission: "shipments.write", knownTo: "shipments.read" } as const
const commanded = { params: id, headers: idempotencyHeader }
const driver = Schema.Struct({ driver_id: idField("driver") })

/** Shipments, for whoever runs the fleet. */
export class ShipmentsApi extends HttpApiGroup.make("shipments")
  .add(
    HttpApiEndpoint.get("list", "/", {
      query: {
        ...pageQuery,
        status: Schema.optionalKey(Schema.Literals(shipmentStatuses)),
        driver_id: Schema.optionalKey(idField("driver"))
      },
      success: pageOf(Shipment)
    })
      .annotate(Access, { permission: "shipments.read" })
      .annotate(OpenApi.Description, "The newest first; `driver_id` gives those that the driver has now."),
    HttpApiEndpoint.get("get", "/:id", { params: id, success: withETag(Shipment) }).annotate(Access, reads),
    HttpApiEndpoint.get("timeline", "/:id/timeline", {
      params: id,
      query: pageQuery,
      success: pageOf(TimelineEvent)
    }).annotate(Access, reads),
    HttpApiEndpoint.get("stops", "/:id/stops", {
      params: id,
      success: Schema.Struct({ data: Schema.Array(Stop), next_cursor: Schema.Null, has_more: Schema.Boolean })
    }).annotate(Access, reads),
    HttpApiEndpoint.post("assign", "/:id/assign", { ...commanded, payload: driver, success: Assignment })
      .annotate(Access, writes)
      .annotate(
        OpenApi.Description,
        "The assignment is accepted at once, and told to the driver's devices. A parcel on its way back that nobody has is brought back by the driver."
      ),
    HttpApiEndpoint.post("offer", "/:id/offer", {
      ...commanded,
      payload: [OfferInput, Schema.Null],
      success: OpenOffers.pipe(HttpApiSchema.status(202))
    })
      .annotate(Access, writes)
      .annotate(
        OpenApi.Description,
        "Asks the drivers that are named, or the nearest who have time; the first who accepts has the shipment. Whoever was asked already and may still answer is not asked again. Answers every open offer of the shipment."
      ),
    HttpApiEndpoint.post("reassign", "/:id/reassign", {
      ...commanded,
      payload: Schema.Struct({ driver_id: idField("driver"), reason: Schema.optionalKey(ReasonField) }),
      success: Assignment
    })
      .annotate(Access, writes)
      .annotate(
        OpenApi.Description,
        "What the driver before reports from then on is refused. After the pickup it needs a reason, and the parcel counts as handed off. On its way back it stays `returning`, and the driver who is named brings it."
      ),
    HttpApiEndpoint.post("unassign", "/:id/unassign", { ...commanded, payload: reasonPayload, success: Shipment })
      .annotate(Access, writes)
      .annotate(OpenApi.Description, "After the pickup it needs a reason, and the parcel counts as handed off."),
    HttpApiEndpoint.post("retry", "/:id/retry", { ...commanded, payload: emptyPayload, success: Shipment })
      .annotate(Access, writes)
      .annotate(
        OpenApi.Description,
        "After a failed attempt: the shipment waits for a driver again, the same or another."
      ),
    HttpApiEndpoint.post("return", "/:id/return", { ...commanded, payload: emptyPayload, success: Shipment })
      .annotate(Access, writes)
      .annotate(
        OpenApi.Description,
        "After a failed attempt: the driver brings the parcel back. Also of a parcel that was handed off and that nobody takes: `assign` says then who brings it."
      ),
    HttpApiEndpoint.post("markReturned", "/:id/mark-returned", {
      ...commanded,
      payload: Schema.Struct({ reason: ReasonField }),
      success: Shipment
    })
      .annotate(Access, writes)
      .annotate(
        OpenApi.Description,
        "The parcel is back although no driver reports it. It ends the shipment and cancels the order, as a driver's report does."
      ),
    HttpApiEndpoint.post("reschedule", "/:id/reschedule", {
      ...commanded,
      payload: Schema.Struct({ window: WindowField }),
      success: Shipment
    })
      .annotate(Access, writes)
      .annotate(OpenApi.Description, "Promises another window, which ends in the future; the customer is told."),
    HttpApiEndpoint.post("cancel", "/:id/cancel", { ...commanded, payload: reasonPayload, success: Shipment })
      .annotate(Access, writes)
      .annotate(OpenApi.Description, "Until the pickup; the order is cancelled with it.")
  )
  .middleware(Authenticated)
  .prefix("/shipments") {}
