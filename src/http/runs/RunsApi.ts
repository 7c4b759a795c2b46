import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { defaultLimits } from "../../config/Limits.ts"
import { runStatuses } from "../../domain/Run.ts"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import {
  emptyPayload,
  idempotencyHeader,
  idField,
  ifMatchHeader,
  intField,
  pageOf,
  pageQuery,
  TimeField,
  textField,
  withETag
} from "../Field.ts"
import { LatField, LngField, ReasonField } from "../orders/CommerceField.ts"

const summary = {
  id: idField("run"),
  driver_id: Schema.NullOr(idField("driver")),
  vehicle_id: Schema.NullOr(idField("vehicle")),
  status: Schema.String,
  name: Schema.NullOr(Schema.String),
  planned_start_at: Schema.NullOr(TimeField),
  started_at: Schema.NullOr(TimeField),
  ended_at: Schema.NullOr(TimeField),
  shipment_count: Schema.Int,
  stop_count: Schema.Int,
  stops_left: Schema.Int,
  created_at: TimeField,
  updated_at: TimeField
}

/** A run as lists show it. */
export const RunSummary = Schema.Struct(summary).annotate({ identifier: "RunSummary" })

const RunStop = Schema.Struct({
  id: idField("stop"),
  shipment_id: Schema.NullOr(idField("shipment")),
  type: Schema.String,
  position: Schema.Int,
  status: Schema.String,
  lat: Schema.Finite,
  lng: Schema.Finite,
  address: Schema.NullOr(Schema.String),
  window: Schema.NullOr(Schema.Struct({ start: TimeField, end: TimeField })),
  duration_s: Schema.NullOr(Schema.Int),
  arrived_at: Schema.NullOr(TimeField),
  ended_at: Schema.NullOr(TimeField)
}).annotate({ identifier: "RunStop" })

/** A shipment of a run and who has it; a driver who is not the run's is told again in `not_given`. */
const RunShipment = Schema.Struct({
  shipment_id: idField("shipment"),
  status: Schema.String,
  driver_id: Schema.NullOr(idField("driver"))
}).annotate({ identifier: "RunShipment" })

/** A shipment that the run's driver does not have, with what keeps them from it; null: nothing, giving it again may help. */
const NotGiven = Schema.Struct({
  shipment_id: idField("shipment"),
  driver_id: Schema.NullOr(idField("driver")),
  code: Schema.NullOr(Schema.String),
  detail: Schema.NullOr(Schema.String)
}).annotate({ identifier: "NotGiven" })

/** A run as the API shows one. */
export const Run = Schema.Struct({
  ...summary,
  stops: Schema.Array(RunStop),
  shipments: Schema.Array(RunShipment),
  not_given: Schema.Array(NotGiven)
}).annotate({ identifier: "Run" })

const shipmentIds = Schema.Array(idField("shipment")).check(Schema.isMaxLength(defaultLimits.runShipmentsMax))
const stopIds = Schema.Array(idField("stop")).check(Schema.isMaxLength(defaultLimits.runStopsMax))
const plain = {
  vehicle_id: Schema.optionalKey(Schema.NullOr(idField("vehicle"))),
  name: Schema.optionalKey(Schema.NullOr(textField(1, 100))),
  planned_start_at: Schema.optionalKey(Schema.NullOr(TimeField))
}

/** What a client may say of a new run. */
export const RunInput = Schema.Struct({
  ...plain,
  driver_id: Schema.optionalKey(Schema.NullOr(idField("driver"))),
  shipment_ids: Schema.optionalKey(shipmentIds),
  stop_ids: Schema.optionalKey(stopIds)
})

/** A break to make. */
export const BreakInput = Schema.Struct({
  lat: LatField,
  lng: LngField,
  address: Schema.optionalKey(Schema.NullOr(textField(1, 1_000))),
  duration_s: intField(defaultLimits.breakSMin, defaultLimits.breakSMax),
  after_stop_id: Schema.optionalKey(idField("stop"))
})

const id = { id: idField("run") }
const reads = { permission: "runs.read", knownTo: "runs.read" } as const
const writes = { permission: "runs.write", knownTo: "runs.read" } as const
const posted = { params: id, headers: { ...idempotencyHeader, ...ifMatchHeader } }
const moved = { ...posted, payload: emptyPayload, success: Run }

/** Runs, for whoever plans them. */
export class RunsApi extends HttpApiGroup.make("runs")
  .add(
    HttpApiEndpoint.get("list", "/", {
      query: {
        ...pageQuery,
        status: Schema.optionalKey(Schema.Literals(runStatuses)),
        driver_id: Schema.optionalKey(idField("driver"))
      },
      success: pageOf(RunSummary)
    })
      .annotate(Access, { permission: "runs.read" })
      .annotate(OpenApi.Description, "The newest first."),
    HttpApiEndpoint.post("create", "/", {
      headers: idempotencyHeader,
      payload: RunInput,
      success: Run.pipe(HttpApiSchema.status(201))
    })
      .annotate(Access, { permission: "runs.write" })
      .annotate(
        OpenApi.Description,
        "Plans a run. Without `stop_ids`, which names every stop once, it makes all pickups and then all drop-offs, in the order of `shipment_ids`. The answer is the run as it was kept; after that its shipments are given to its driver, one by one, and the run tells which were not."
      ),
    HttpApiEndpoint.get("get", "/:id", { params: id, success: withETag(Run) })
      .annotate(Access, reads)
      .annotate(
        OpenApi.Description,
        "The ETag counts changes of the run itself: its driver, its shipments, their order. What happens at its stops does not change it unless the order follows."
      ),
    HttpApiEndpoint.patch("update", "/:id", {
      params: id,
      headers: ifMatchHeader,
      payload: Schema.Struct({
        ...plain,
        driver_id: Schema.optionalKey(Schema.NullOr(idField("driver"))),
        reason: Schema.optionalKey(ReasonField)
      }),
      success: withETag(Run)
    })
      .annotate(Access, writes)
      .annotate(
        OpenApi.Description,
        "With `driver_id` the run's shipments are given to that driver, also those that were refused before; `reason` is for parcels that another driver has picked up. `not_given` tells which the driver did not get."
      ),
    HttpApiEndpoint.post("addShipments", "/:id/shipments", {
      ...posted,
      payload: Schema.Struct({
        shipment_ids: shipmentIds.check(Schema.isMinLength(1)),
        stop_ids: Schema.optionalKey(stopIds)
      }),
      success: Run
    })
      .annotate(Access, writes)
      .annotate(
        OpenApi.Description,
        "Puts shipments behind what the run has; they are given to its driver after that."
      ),
    HttpApiEndpoint.delete("takeOut", "/:id/shipments/:shipmentId", {
      params: { ...id, shipmentId: idField("shipment") },
      headers: ifMatchHeader,
      success: withETag(Run)
    })
      .annotate(Access, writes)
      .annotate(OpenApi.Description, "Takes a shipment that is not over out of the run. Whoever carries it keeps it."),
    HttpApiEndpoint.put("reorder", "/:id/stops", {
      params: id,
      headers: ifMatchHeader,
      payload: Schema.Struct({ stop_ids: stopIds }),
      success: withETag(Run)
    })
      .annotate(Access, writes)
      .annotate(
        OpenApi.Description,
        "Names every stop of the run once. Stops that are over stay before those that are not, and a drop-off comes after its pickup. The driver's phones are told at once."
      ),
    HttpApiEndpoint.post("addBreak", "/:id/breaks", { ...posted, payload: BreakInput, success: Run })
      .annotate(Access, writes)
      .annotate(
        OpenApi.Description,
        "Right after a stop, or at the end. It lies behind once the driver sets out for what follows."
      ),
    HttpApiEndpoint.delete("dropBreak", "/:id/breaks/:stopId", {
      params: { ...id, stopId: idField("stop") },
      headers: ifMatchHeader,
      success: withETag(Run)
    })
      .annotate(Access, writes)
      .annotate(OpenApi.Description, "Takes a break out of the run that is still to come."),
    HttpApiEndpoint.post("start", "/:id/start", moved).annotate(Access, writes),
    HttpApiEndpoint.post("complete", "/:id/complete", moved)
      .annotate(Access, writes)
      .annotate(
        OpenApi.Description,
        "A run completes by itself with its last parcel; this is for what only breaks are left of."
      ),
    HttpApiEndpoint.post("cancel", "/:id/cancel", moved)
      .annotate(Access, writes)
      .annotate(OpenApi.Description, "Shipments that are not over leave the run. Whoever carries them keeps them.")
  )
  .middleware(Authenticated)
  .prefix("/runs") {}
