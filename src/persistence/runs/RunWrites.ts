import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { RunState } from "../../domain/Run.ts"
import type { RunStop } from "../../domain/RunSequence.ts"
import type { NewBreak, RunChange } from "./RunRepo.ts"

/** The writing half of RunRepo. Everything in the caller's transaction, which holds the run and its shipments. */
export const makeRunWrites = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  // Positions of a shipment's own again: what was done there stays done.
  const takeOut = (
    shipmentIds: ReadonlyArray<string>
  ) => sql`UPDATE route_stops p SET run_id = NULL, updated_at = now(),
      position = CASE p.stop_type WHEN 'pickup' THEN 1
        ELSE (SELECT count(*) FROM route_stops q WHERE q.shipment_id = p.shipment_id) END
    WHERE p.shipment_id IN (SELECT jsonb_array_elements_text(${JSON.stringify(shipmentIds)}::text::jsonb)::uuid)`

  const place = (runId: string, sequence: ReadonlyArray<RunStop>) => {
    const rows = sequence.map(({ stopId, status }, index) => ({ id: stopId, position: index + 1, status }))
    // A break has nobody else who keeps its status.
    return sql`UPDATE route_stops p SET run_id = ${runId}::uuid, position = n.position, updated_at = now(),
        status = CASE WHEN p.stop_type = 'break' THEN n.status ELSE p.status END,
        ended_at = CASE WHEN p.stop_type = 'break' AND n.status <> 'planned' THEN coalesce(p.ended_at, now()) ELSE p.ended_at END
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) AS n(id uuid, position integer, status route_stop_status)
      WHERE p.id = n.id AND (p.run_id IS DISTINCT FROM ${runId}::uuid OR p.position <> n.position
        OR p.stop_type = 'break' AND p.status <> n.status)`
  }

  const insertBreak = Effect.fn("RunRepo.insertBreak")(function* (runId: string, position: number, pause: NewBreak) {
    yield* sql`INSERT INTO route_stops (id, run_id, stop_type, position, lat, lng, address, duration_s)
      VALUES (${pause.id}, ${runId}, 'break', ${position}, ${pause.lat}, ${pause.lng}, ${pause.address}, ${pause.durationS})`
  })

  const deleteBreak = Effect.fn("RunRepo.deleteBreak")(function* (runId: string, stopId: string) {
    yield* sql`DELETE FROM route_stops WHERE id = ${stopId} AND run_id = ${runId} AND stop_type = 'break'`
  })

  const shipmentIdsOf = ({ sequence }: RunState): ReadonlySet<string> =>
    new Set(sequence.flatMap(({ shipmentId }) => shipmentId ?? []))

  /** Keeps what a decision made of a run; its version rises, also when nothing but the order of its stops changed. */
  const keep = Effect.fn("RunRepo.keep")(function* (runId: string, before: RunState, after: RunState) {
    const stay = shipmentIdsOf(after)
    const left = [...shipmentIdsOf(before)].filter((id) => !stay.has(id))
    if (left.length > 0) yield* takeOut(left)
    if (after.sequence.length > 0) yield* place(runId, after.sequence)
    const isEnded = after.status === "completed" || after.status === "cancelled"
    yield* sql`UPDATE delivery_runs SET status = ${after.status}::delivery_run_status, driver_id = ${after.driverId ?? null},
        started_at = CASE WHEN ${after.status} = 'active' THEN coalesce(started_at, now()) ELSE started_at END,
        ended_at = CASE WHEN ${isEnded}::boolean THEN coalesce(ended_at, now()) END
      WHERE id = ${runId}`
  })

  const update = Effect.fn("RunRepo.update")(function* (runId: string, change: Omit<RunChange, "driver_id">) {
    if (Object.keys(change).length > 0)
      yield* sql`UPDATE delivery_runs SET ${sql.update({ ...change })} WHERE id = ${runId}`
  })

  /**
   * Brings what a driver has of a run into its order: the deliveries swap the numbers that they have, so that they keep their place
   * among the driver's others. Writes all of them, so that the driver's phones hear of the new order of stops.
   */
  const sequenceTasks = Effect.fn("RunRepo.sequenceTasks")(function* (runId: string, driverId: string) {
    yield* sql`WITH carried AS (
        SELECT a.id, a.schedule_sequence, max(p.position) AS last FROM driver_assignments a
        JOIN route_stops p ON p.shipment_id = a.shipment_id AND p.run_id = ${runId}
        WHERE a.driver_id = ${driverId} AND a.status IN ('accepted', 'en_route', 'arrived') GROUP BY a.id, a.schedule_sequence
      ), numbers AS (SELECT schedule_sequence, row_number() OVER (ORDER BY schedule_sequence, id) AS turn FROM carried
      ), turns AS (SELECT id, row_number() OVER (ORDER BY last) AS turn FROM carried)
      UPDATE driver_assignments a SET schedule_sequence = numbers.schedule_sequence
      FROM turns JOIN numbers USING (turn) WHERE a.id = turns.id`
  })

  /** Has the phones of whoever carries these shipments hear of their stops again. */
  const retell = Effect.fn("RunRepo.retell")(function* (shipmentIds: ReadonlyArray<string>) {
    yield* sql`UPDATE driver_assignments SET schedule_sequence = schedule_sequence
      WHERE status IN ('accepted', 'en_route', 'arrived')
        AND shipment_id IN (SELECT jsonb_array_elements_text(${JSON.stringify(shipmentIds)}::text::jsonb)::uuid)`
  })

  return { insertBreak, deleteBreak, keep, update, sequenceTasks, retell }
})
