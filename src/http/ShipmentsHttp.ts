import { Effect, Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Shipments } from "../actors/Shipments.ts"
import { Telling } from "../actors/Told.ts"
import { Limits } from "../config/Limits.ts"
import { publicEventData } from "../domain/EventData.ts"
import { publicId } from "../domain/Ids.ts"
import { type EventRow, ShipmentEventRepo } from "../persistence/ShipmentEventRepo.ts"
import { type AssignmentRow, ShipmentRepo, type ShipmentRow, type StopRow } from "../persistence/ShipmentRepo.ts"
import { Api } from "./Api.ts"
import { cursorOf, idCursor } from "./Cursor.ts"
import { versioned } from "./ETag.ts"
import { Idempotency } from "./Idempotency.ts"
import { PrincipalScope } from "./PrincipalScope.ts"
import { requestOrigin } from "./RequestOrigin.ts"
import { Assignment, Shipment } from "./ShipmentsApi.ts"

const shipmentCursor = idCursor("shipments")
const timelineCursor = cursorOf("shipments.timeline", Schema.Int)

const showEta = (row: ShipmentRow): typeof Shipment.Type.eta => {
  const { estimated_arrival_at: p50_at, estimated_arrival_p90_at: p90_at, estimated_at: computed_at } = row
  return p50_at === null || p90_at === null || computed_at === null ? null : { p50_at, p90_at, computed_at }
}

const showShipment = ({ version, assignment, ...shipment }: ShipmentRow): typeof Shipment.Type => ({
  ...shipment,
  sequence: version,
  eta: showEta({ version, assignment, ...shipment }),
  assignment:
    assignment === null
      ? null
      : { ...assignment, shipment_id: shipment.id, assigned_at: new Date(assignment.assigned_at) }
})

const showAssignment = (assignment: AssignmentRow): typeof Assignment.Type => assignment

const showStop = ({ stop_type, window_start, window_end, ...stop }: StopRow) => ({
  ...stop,
  type: stop_type,
  window: window_start === null || window_end === null ? null : { start: window_start, end: window_end }
})

const showEvent = (event: EventRow) => ({
  id: event.id,
  sequence: event.version ?? 0,
  type: event.type,
  occurred_at: event.occurred_at,
  recorded_at: event.recorded_at,
  actor: {
    kind: event.actor_kind,
    id: event.actor_id === null ? null : publicId(event.actor_kind === "driver" ? "driver" : "user", event.actor_id)
  },
  data: publicEventData(event.data) as Schema.Json
})

/** Handlers of ShipmentsApi. */
export const ShipmentsHttp = HttpApiBuilder.group(
  Api,
  "shipments",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const idempotency = yield* Idempotency
    const telling = yield* Telling
    const rows = yield* ShipmentRepo
    const log = yield* ShipmentEventRepo
    const shipments = yield* Shipments

    const assigning = <E, R>(given: Effect.Effect<string, E, R>) =>
      telling.around(
        idempotency.once(
          { status: 200, success: Assignment },
          Effect.map(Effect.flatMap(given, rows.assignment), showAssignment)
        )
      )
    const commanding = <E, R>(id: string, done: Effect.Effect<void, E, R>) =>
      telling.around(
        idempotency.once(
          { status: 200, success: Shipment },
          Effect.map(Effect.andThen(done, rows.get(id)), showShipment)
        )
      )

    return handlers.handleAll({
      list: Effect.fn("ShipmentsHttp.list")(function* ({ query }) {
        const limit = query.limit ?? limits.listLimitDefault
        const beforeId = yield* shipmentCursor.read(query.cursor)
        const filter = { status: query.status, driverId: query.driver_id, beforeId, limit: limit + 1 }
        return shipmentCursor.page(yield* scope.run(rows.list(filter)), limit, (row) => row.id, showShipment)
      }),
      get: Effect.fn("ShipmentsHttp.get")(function* ({ params }) {
        const shipment = yield* scope.run(rows.get(params.id))
        return versioned(shipment.version, showShipment(shipment))
      }),
      timeline: Effect.fn("ShipmentsHttp.timeline")(function* ({ params, query }) {
        const limit = query.limit ?? limits.listLimitDefault
        const after = (yield* timelineCursor.read(query.cursor)) ?? 0
        const events = yield* scope.run(
          Effect.andThen(rows.orderIdOf(params.id), log.ofShipment(params.id, after, limit + 1))
        )
        return timelineCursor.page(events, limit, (event) => event.version ?? 0, showEvent)
      }),
      stops: Effect.fn("ShipmentsHttp.stops")(function* ({ params }) {
        const stops = yield* scope.run(Effect.andThen(rows.orderIdOf(params.id), rows.stops(params.id)))
        return { data: stops.map(showStop), next_cursor: null, has_more: false }
      }),
      assign: Effect.fn("ShipmentsHttp.assign")(function* ({ params, payload }) {
        return yield* assigning(shipments.assign(params.id, payload.driver_id, yield* requestOrigin))
      }),
      reassign: Effect.fn("ShipmentsHttp.reassign")(function* ({ params, payload }) {
        return yield* assigning(shipments.reassign(params.id, payload.driver_id, yield* requestOrigin))
      }),
      unassign: Effect.fn("ShipmentsHttp.unassign")(function* ({ params, payload }) {
        return yield* commanding(params.id, shipments.unassign(params.id, payload?.reason, yield* requestOrigin))
      }),
      cancel: Effect.fn("ShipmentsHttp.cancel")(function* ({ params, payload }) {
        return yield* commanding(params.id, shipments.cancel(params.id, payload?.reason, yield* requestOrigin))
      })
    })
  })
)
