import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { OrderStatus } from "../../domain/Order.ts"
import type { ShipmentStatus } from "../../domain/Shipment.ts"
import type { AssignmentState, ShipmentState, StopState } from "../../domain/ShipmentState.ts"
import { theRow } from "../RowAbsent.ts"

interface LockedRow {
  readonly order_id: string
  readonly order_status: OrderStatus
  readonly version: number
}

interface LoadedRow {
  readonly status: ShipmentStatus
  readonly version: number
  readonly fencing_counter: number
  readonly is_picked_up: boolean
  readonly assignments: ReadonlyArray<AssignmentState>
  readonly stops: ReadonlyArray<StopState>
}

/** The half of ShipmentRepo that a decision begins with. */
export const makeShipmentReading = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  /**
   * Takes a shipment and its order for the transaction; every change of either begins with it. Both rows are locked, so that what is read
   * here is what the last one who held them committed.
   */
  const lock = Effect.fn("ShipmentRepo.lock")(function* (shipmentId: string) {
    const rows = yield* sql<LockedRow>`SELECT o.id AS order_id, o.status AS order_status, s.version::integer AS version
      FROM orders o JOIN shipments s ON s.order_id = o.id WHERE s.id = ${shipmentId} FOR UPDATE OF o, s`
    return yield* theRow("shipment", shipmentId, rows)
  })

  /** The whole state that `decideShipment` judges by, in one statement. */
  const load = Effect.fn("ShipmentRepo.load")(function* (shipmentId: string) {
    const rows = yield* sql<LoadedRow>`SELECT s.status, s.version::integer AS version,
        s.fencing_counter::integer AS fencing_counter, s.is_picked_up,
        (SELECT coalesce(jsonb_agg(jsonb_build_object('assignmentId', a.id, 'driverId', coalesce(a.driver_id::text, ''), 'status', a.status,
            'fencingToken', a.fencing_token, 'expiresAtMs', round(extract(epoch FROM a.expires_at) * 1000)) ORDER BY a.fencing_token), '[]')
          FROM driver_assignments a WHERE a.shipment_id = s.id) AS assignments,
        (SELECT coalesce(jsonb_agg(jsonb_build_object('stopId', p.id, 'type', p.stop_type, 'position', p.place, 'status', p.status)
            ORDER BY p.place), '[]')
          FROM (SELECT r.*, row_number() OVER (ORDER BY r.position) AS place FROM route_stops r WHERE r.shipment_id = s.id) AS p) AS stops
      FROM shipments s WHERE s.id = ${shipmentId}`
    const row = yield* theRow("shipment", shipmentId, rows)
    const state: ShipmentState = {
      status: row.status,
      version: row.version,
      fencingCounter: row.fencing_counter,
      isPickedUp: row.is_picked_up,
      assignments: row.assignments,
      stops: row.stops
    }
    return state
  })

  return { lock, load }
})
