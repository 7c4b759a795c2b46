import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { RunShipmentRow, RunStopRow } from "./RunRepo.ts"

/** A shipment that may be put into a run. */
export interface AddableRow extends RunShipmentRow {
  readonly run_id: string | null
  /** In their order. */
  readonly stops: ReadonlyArray<Pick<RunStopRow, "id" | "stop_type" | "status">>
}

/** How RunRepo reads what a run consists of. */
export const makeRunReading = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const idList = (ids: ReadonlyArray<string>) =>
    sql`(SELECT jsonb_array_elements_text(${JSON.stringify(ids)}::text::jsonb)::uuid)`
  // Who has the parcel: its carrier, or whoever failed to deliver it last and has not brought it back.
  const holder = sql`(SELECT CASE WHEN n.status IN ('accepted', 'en_route', 'arrived')
      OR n.status = 'failed' AND s.status IN ('failed', 'returning') THEN n.driver_id END
    FROM (SELECT a.status, a.driver_id FROM driver_assignments a WHERE a.shipment_id = s.id
      AND a.status NOT IN ('pending', 'rejected', 'expired') ORDER BY a.fencing_token DESC LIMIT 1) AS n)`

  const stops = Effect.fn("RunRepo.stops")(function* (runId: string) {
    return yield* sql<RunStopRow>`SELECT id, shipment_id, stop_type, position, status, lat, lng, address, window_start, window_end,
        duration_s, arrived_at, ended_at
      FROM route_stops WHERE run_id = ${runId} ORDER BY position`
  })

  /** The shipments of a run, in the order of their last stops. */
  const shipments = Effect.fn("RunRepo.shipments")(function* (runId: string) {
    return yield* sql<RunShipmentRow>`SELECT s.id AS shipment_id, s.status, ${holder} AS holder_id FROM shipments s
      JOIN (SELECT shipment_id, max(position) AS last FROM route_stops WHERE run_id = ${runId} GROUP BY shipment_id) AS p
        ON p.shipment_id = s.id
      ORDER BY p.last`
  })

  const addable = Effect.fn("RunRepo.addable")(function* (shipmentIds: ReadonlyArray<string>) {
    return yield* sql<AddableRow>`SELECT s.id AS shipment_id, s.status, ${holder} AS holder_id,
        (SELECT p.run_id FROM route_stops p WHERE p.shipment_id = s.id AND p.run_id IS NOT NULL LIMIT 1) AS run_id,
        (SELECT coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'stop_type', p.stop_type, 'status', p.status) ORDER BY p.position), '[]')
          FROM route_stops p WHERE p.shipment_id = s.id) AS stops
      FROM shipments s WHERE s.id IN ${idList(shipmentIds)}`
  })

  /**
   * Takes shipments for the transaction, always in the same order, and before the run that they are in: a shipment's actor holds its
   * shipment when it comes for the run.
   */
  const lockShipments = Effect.fn("RunRepo.lockShipments")(function* (shipmentIds: ReadonlyArray<string>) {
    if (shipmentIds.length === 0) return
    yield* sql`SELECT FROM shipments WHERE id IN ${idList(shipmentIds)} ORDER BY id FOR NO KEY UPDATE`
  })

  /** The run under way that a shipment is in, taken for the transaction, which holds the shipment. Undefined: none that the caller may know of. */
  const lockActiveRunOf = Effect.fn("RunRepo.lockActiveRunOf")(function* (shipmentId: string) {
    const rows = yield* sql<{ readonly id: string; readonly driver_id: string | null }>`SELECT r.id, r.driver_id
      FROM delivery_runs r WHERE r.status = 'active'
        AND r.id = (SELECT p.run_id FROM route_stops p WHERE p.shipment_id = ${shipmentId} AND p.run_id IS NOT NULL LIMIT 1)
      FOR UPDATE`
    return rows[0]
  })

  const hasVehicle = Effect.fn("RunRepo.hasVehicle")(function* (vehicleId: string) {
    const rows = yield* sql`SELECT FROM vehicles WHERE id = ${vehicleId} AND deleted_at IS NULL`
    return rows.length > 0
  })

  return { stops, shipments, addable, hasVehicle, lockShipments, lockActiveRunOf }
})
