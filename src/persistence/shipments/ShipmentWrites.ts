import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { hasSetOut, isEnded } from "../../domain/Shipment.ts"
import { carryingAssignment, type ShipmentState, type StopState } from "../../domain/ShipmentState.ts"
import { makeAssignmentWrites } from "./AssignmentWrites.ts"
import { makeShipmentEstimates } from "./ShipmentEstimates.ts"

/** Somebody changed the shipment since it was read: nothing was kept. Retry: read it and decide again. */
export class ShipmentMoved extends Schema.TaggedError<ShipmentMoved>()("ShipmentMoved", {
  shipmentId: Schema.String,
  expectedVersion: Schema.Int
}) {}

/** A stop to begin a shipment with. */
export interface NewStop {
  readonly id: string
  readonly type: "pickup" | "dropoff"
  readonly position: number
  readonly lat: number
  readonly lng: number
  readonly address: string | null
  readonly window: { readonly start: Date; readonly end: Date } | undefined
  readonly requirements: ReadonlyArray<string>
}

/** The writing half of ShipmentRepo. */
export const makeShipmentWrites = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const { keepAssignments } = yield* makeAssignmentWrites
  const { keepEstimate } = yield* makeShipmentEstimates

  /** Begins a shipment with its stops. */
  const insert = Effect.fn("ShipmentRepo.insert")(function* (
    id: string,
    orderId: string,
    state: ShipmentState,
    stops: ReadonlyArray<NewStop>,
    promisedArrivalAt: Date | undefined
  ) {
    yield* sql`INSERT INTO shipments (id, order_id, status, version, promised_arrival_at)
      VALUES (${id}, ${orderId}, ${state.status}, ${state.version}, ${promisedArrivalAt ?? null})`
    yield* Effect.forEach(
      stops,
      (
        stop
      ) => sql`INSERT INTO route_stops (id, shipment_id, stop_type, position, lat, lng, address, window_start, window_end, requirements)
        VALUES (${stop.id}, ${id}, ${stop.type}, ${stop.position}, ${stop.lat}, ${stop.lng}, ${stop.address},
          ${stop.window?.start ?? null}, ${stop.window?.end ?? null},
          ARRAY(SELECT jsonb_array_elements_text(${JSON.stringify(stop.requirements)}::text::jsonb)))`,
      { discard: true }
    )
  })

  const keepStop = (
    stop: StopState
  ) => sql`UPDATE route_stops SET status = ${stop.status}::route_stop_status, updated_at = now(),
      arrived_at = CASE WHEN ${stop.status} IN ('planned', 'en_route') THEN NULL ELSE coalesce(arrived_at, CASE WHEN ${stop.status} = 'arrived' THEN now() END) END,
      ended_at = CASE WHEN ${stop.status} IN ('completed', 'failed', 'skipped') THEN now() END
    WHERE id = ${stop.stopId}`

  /**
   * Keeps what a decision made of a shipment, if it still stands where it was read: else ShipmentMoved, and nothing is kept. Assignments named in
   * `touched` are written also when they did not change, so that their driver's devices hear of the new state of the shipment.
   */
  const keep = Effect.fn("ShipmentRepo.keep")(function* (
    shipmentId: string,
    before: ShipmentState,
    after: ShipmentState,
    touched: ReadonlySet<string>
  ) {
    // The drive that was estimated will not be, unless the driver has set out.
    const isEstimated = hasSetOut(after.status)
    const moved = yield* sql`UPDATE shipments SET status = ${after.status}::shipment_status, version = ${after.version},
        fencing_counter = ${after.fencingCounter}, is_picked_up = ${after.isPickedUp}, updated_at = now(),
        current_driver_location_id = ${carryingAssignment(after)?.driverId ?? null},
        estimated_arrival_at = CASE WHEN ${isEstimated}::boolean THEN estimated_arrival_at END,
        estimated_arrival_p90_at = CASE WHEN ${isEstimated}::boolean THEN estimated_arrival_p90_at END,
        estimated_at = CASE WHEN ${isEstimated}::boolean THEN estimated_at END,
        ended_at = CASE WHEN ${isEnded(after.status)}::boolean THEN coalesce(ended_at, now()) END
      WHERE id = ${shipmentId} AND version = ${before.version} RETURNING 1`
    if (moved.length === 0) return yield* new ShipmentMoved({ shipmentId, expectedVersion: before.version })
    yield* keepAssignments(shipmentId, before.assignments, after.assignments, touched, after.status)
    const statusWas = new Map(before.stops.map((stop) => [stop.stopId, stop.status]))
    const stopsChanged = after.stops.filter((stop) => statusWas.get(stop.stopId) !== stop.status)
    yield* Effect.forEach(stopsChanged, keepStop, { discard: true })
  })

  /** Keeps another window that was promised, wherever it is read from. */
  const keepWindow = Effect.fn("ShipmentRepo.keepWindow")(function* (shipmentId: string, start: Date, end: Date) {
    yield* sql`UPDATE shipments SET promised_arrival_at = ${end} WHERE id = ${shipmentId}`
    yield* sql`UPDATE orders SET window_start = ${start}, window_end = ${end}
      WHERE id = (SELECT order_id FROM shipments WHERE id = ${shipmentId})`
    yield* sql`UPDATE route_stops SET window_start = ${start}, window_end = ${end}, updated_at = now()
      WHERE shipment_id = ${shipmentId} AND stop_type = 'dropoff'`
  })

  return { insert, keep, keepWindow, keepEstimate }
})
