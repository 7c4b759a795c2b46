import { Effect, Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Offers } from "../../actors/offers/Offers.ts"
import type { ShipmentAnswerKind } from "../../actors/shipments/ShipmentAnswers.ts"
import { type ShipmentAnswered, type ShipmentAsker, Shipments } from "../../actors/shipments/Shipments.ts"
import { Limits } from "../../config/Limits.ts"
import { publicEventData } from "../../domain/EventData.ts"
import { publicId } from "../../domain/Ids.ts"
import { type EventRow, ShipmentEventRepo } from "../../persistence/shipments/ShipmentEventRepo.ts"
import { ShipmentRepo, type StopRow } from "../../persistence/shipments/ShipmentRepo.ts"
import { Api } from "../Api.ts"
import { cursorOf, idCursor } from "../Cursor.ts"
import { versioned } from "../ETag.ts"
import { Idempotency } from "../Idempotency.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import { Problem } from "../Problem.ts"
import { requestOrigin } from "../RequestOrigin.ts"
import { showShipment } from "./ShownShipment.ts"

const shipmentCursor = idCursor("shipments")
const timelineCursor = cursorOf("shipments.timeline", Schema.Int)

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

const moved = ({ start, end }: { readonly start: Date; readonly end: Date }) =>
  ({ _tag: "Reschedule", startMs: start.getTime(), endMs: end.getTime() }) as const

const inTheFuture = (end: Date, { origin }: ShipmentAsker): Effect.Effect<void, Problem> =>
  end > origin.occurredAt
    ? Effect.void
    : Effect.fail(
        new Problem({
          code: "invalid_body",
          errors: [{ pointer: "/window/end", code: "invalid_value", detail: "is not in the future" }]
        })
      )

/** Handlers of ShipmentsApi. */
export const ShipmentsHttp = HttpApiBuilder.group(
  Api,
  "shipments",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const idempotency = yield* Idempotency
    const rows = yield* ShipmentRepo
    const log = yield* ShipmentEventRepo
    const shipments = yield* Shipments
    const offers = yield* Offers

    /** Has a shipment's actor do something in the caller's name. */
    const asking = <E, R>(
      answer: ShipmentAnswerKind,
      ask: (by: ShipmentAsker) => Effect.Effect<ShipmentAnswered, E, R>
    ) =>
      idempotency.asked((key) =>
        Effect.gen(function* () {
          return yield* ask({ origin: yield* requestOrigin, scope: yield* scope.current, key, answer })
        })
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
      assign: ({ params, payload }) => asking("assignment", (by) => shipments.assign(params.id, payload.driver_id, by)),
      reassign: ({ params, payload }) =>
        asking("assignment", (by) => shipments.reassign(params.id, payload.driver_id, by, payload.reason)),
      offer: ({ params, payload }) =>
        asking("offers", (by) => offers.offer(params.id, { driverIds: payload?.driver_ids, ttlS: payload?.ttl_s }, by)),
      retry: ({ params }) => asking("shipment", (by) => shipments.command(params.id, { _tag: "Retry" }, by)),
      return: ({ params }) => asking("shipment", (by) => shipments.command(params.id, { _tag: "StartReturn" }, by)),
      markReturned: ({ params, payload }) =>
        asking("shipment", (by) => shipments.command(params.id, { _tag: "MarkReturned", reason: payload.reason }, by)),
      reschedule: ({ params, payload }) =>
        asking("shipment", (by) =>
          Effect.andThen(inTheFuture(payload.window.end, by), shipments.command(params.id, moved(payload.window), by))
        ),
      unassign: ({ params, payload }) => asking("shipment", (by) => shipments.unassign(params.id, payload?.reason, by)),
      cancel: ({ params, payload }) => asking("shipment", (by) => shipments.cancel(params.id, payload?.reason, by))
    })
  })
)
