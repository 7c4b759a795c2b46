import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { AssignmentStatus } from "../../domain/Assignment.ts"
import type { ShipmentStatus } from "../../domain/Shipment.ts"
import type { StopStatus, StopType } from "../../domain/Stop.ts"
import { theRow } from "../RowAbsent.ts"
import { makeShipmentReading } from "./ShipmentReading.ts"
import { makeShipmentWrites } from "./ShipmentWrites.ts"

/** A shipment as lists show it. */
export interface ShipmentRow {
  readonly id: string
  readonly order_id: string
  readonly status: ShipmentStatus
  readonly version: number
  readonly is_picked_up: boolean
  readonly promised_arrival_at: Date | null
  /** The three are null together. */
  readonly estimated_arrival_at: Date | null
  readonly estimated_arrival_p90_at: Date | null
  readonly estimated_at: Date | null
  readonly courier_notes: string | null
  readonly created_at: Date
  readonly updated_at: Date
  readonly ended_at: Date | null
  readonly assignment: AssignmentJson | null
}

/** The newest assignment that its driver had, inside a shipment. Times as text, since it comes as JSON. */
export interface AssignmentJson {
  readonly id: string
  readonly driver_id: string | null
  readonly status: AssignmentStatus
  readonly fencing_token: number
  readonly schedule_sequence: number
  readonly assigned_at: string
}

/** One assignment. */
export interface AssignmentRow {
  readonly id: string
  readonly shipment_id: string
  readonly driver_id: string | null
  readonly status: AssignmentStatus
  readonly fencing_token: number
  readonly schedule_sequence: number
  readonly assigned_at: Date
}

/** One stop. */
export interface StopRow {
  readonly id: string
  readonly run_id: string | null
  readonly stop_type: StopType
  readonly position: number
  readonly status: StopStatus
  readonly lat: number
  readonly lng: number
  readonly address: string | null
  readonly window_start: Date | null
  readonly window_end: Date | null
  readonly expected_arrival_at: Date | null
  readonly requirements: ReadonlyArray<string>
  readonly arrived_at: Date | null
  readonly ended_at: Date | null
}

/** Which shipments to list. */
export interface ShipmentFilter {
  readonly status?: ShipmentStatus | undefined
  readonly driverId?: string | undefined
  readonly beforeId?: string | undefined
  readonly limit: number
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = sql`s.id, s.order_id, s.status, s.version::integer AS version, s.is_picked_up, s.promised_arrival_at,
    s.estimated_arrival_at, s.estimated_arrival_p90_at, s.estimated_at, s.courier_notes,
    s.created_at, s.updated_at, s.ended_at,
    (SELECT jsonb_build_object('id', a.id, 'driver_id', a.driver_id, 'status', a.status, 'fencing_token', a.fencing_token,
        'schedule_sequence', a.schedule_sequence, 'assigned_at', a.assigned_at)
      FROM driver_assignments a WHERE a.shipment_id = s.id AND a.accepted_at IS NOT NULL ORDER BY a.fencing_token DESC LIMIT 1) AS assignment`

  const get = Effect.fn("ShipmentRepo.get")(function* (id: string) {
    const rows = yield* sql<ShipmentRow>`SELECT ${columns} FROM shipments s WHERE s.id = ${id}`
    return yield* theRow("shipment", id, rows)
  })

  const list = Effect.fn("ShipmentRepo.list")(function* (filter: ShipmentFilter) {
    return yield* sql<ShipmentRow>`SELECT ${columns} FROM shipments s
      WHERE (${filter.status ?? null}::shipment_status IS NULL OR s.status = ${filter.status ?? null}::shipment_status)
        AND (${filter.driverId ?? null}::uuid IS NULL OR EXISTS (SELECT FROM driver_assignments a
          WHERE a.shipment_id = s.id AND a.driver_id = ${filter.driverId ?? null}::uuid AND a.status IN ('accepted', 'en_route', 'arrived')))
        AND (${filter.beforeId ?? null}::uuid IS NULL OR s.id < ${filter.beforeId ?? null}::uuid)
      ORDER BY s.id DESC LIMIT ${filter.limit}`
  })

  const stops = Effect.fn("ShipmentRepo.stops")(function* (shipmentId: string) {
    return yield* sql<StopRow>`SELECT id, run_id, stop_type, position, status, lat, lng, address, window_start, window_end, expected_arrival_at,
        requirements, arrived_at, ended_at
      FROM route_stops WHERE shipment_id = ${shipmentId} ORDER BY position`
  })

  const assignment = Effect.fn("ShipmentRepo.assignment")(function* (id: string) {
    const rows =
      yield* sql<AssignmentRow>`SELECT id, shipment_id, driver_id, status, fencing_token::integer AS fencing_token,
        schedule_sequence, assigned_at
      FROM driver_assignments WHERE id = ${id}`
    return yield* theRow("assignment", id, rows)
  })

  const orderIdOf = Effect.fn("ShipmentRepo.orderIdOf")(function* (shipmentId: string) {
    const rows = yield* sql<{ order_id: string }>`SELECT order_id FROM shipments WHERE id = ${shipmentId}`
    return (yield* theRow("shipment", shipmentId, rows)).order_id
  })

  const idOfOrder = Effect.fn("ShipmentRepo.idOfOrder")(function* (orderId: string) {
    const rows = yield* sql<{ id: string }>`SELECT id FROM shipments WHERE order_id = ${orderId}`
    return rows[0]?.id
  })

  /** The employment status of a driver; undefined when there is none. */
  const driverStanding = Effect.fn("ShipmentRepo.driverStanding")(function* (driverId: string) {
    const rows = yield* sql<{ employment_status: string }>`SELECT employment_status FROM drivers
      WHERE id = ${driverId} AND deleted_at IS NULL`
    return rows[0]?.employment_status
  })

  return {
    get,
    list,
    stops,
    assignment,
    orderIdOf,
    idOfOrder,
    driverStanding,
    ...(yield* makeShipmentReading),
    ...(yield* makeShipmentWrites)
  }
})

/** Keeps shipments, their assignments and their stops. */
export class ShipmentRepo extends Context.Service<ShipmentRepo>()("dropmate/persistence/shipments/ShipmentRepo", {
  make
}) {
  static readonly layer = Layer.effect(this, this.make)
}
