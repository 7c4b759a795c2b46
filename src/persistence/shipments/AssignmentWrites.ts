import { Effect } from "effect"
import { SqlClient, type Statement } from "effect/sql"
import { type AssignmentStatus, isCarrying } from "../../domain/Assignment.ts"
import type { ShipmentStatus } from "../../domain/Shipment.ts"
import type { AssignmentState } from "../../domain/ShipmentState.ts"

const isOpen = (status: AssignmentStatus): boolean => status === "pending" || isCarrying(status)

/** Why an offer is over that its driver did not answer. */
export type ExpiredBecause = "time" | "taken" | "withdrawn"

// An offer is open only while its shipment waits: whatever ends them with it says why.
const becauseOf = (status: ShipmentStatus): ExpiredBecause => {
  if (status === "cancelled" || status === "returning" || status === "returned") return "withdrawn"
  return status === "dispatching" ? "time" : "taken"
}

/** Writes the assignments and offers of a shipment, in the transaction that holds it. */
export const makeAssignmentWrites = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  // The next after all that the driver has: who accepts comes after what they have by then, not by when they were asked.
  const nextInSchedule = (driverId: Statement.Fragment) => sql`(SELECT coalesce(max(a.schedule_sequence), 0) + 1
      FROM driver_assignments a WHERE a.driver_id = ${driverId} AND a.status IN ('accepted', 'en_route', 'arrived'))`

  // All that end alike are written at once: fifty offers end with one acceptance.
  const keepAlike = (
    status: AssignmentStatus,
    because: ExpiredBecause,
    ids: ReadonlyArray<string>
  ) => sql`UPDATE driver_assignments
      SET status = ${status}::assignment_status,
      expired_because = CASE WHEN ${status} = 'expired' THEN coalesce(expired_because, ${because}) END, expires_at = CASE WHEN ${status} = 'pending' THEN expires_at END,
      ended_at = CASE WHEN ${isOpen(status)}::boolean THEN NULL ELSE coalesce(ended_at, now()) END
    WHERE id IN (SELECT jsonb_array_elements_text(${JSON.stringify(ids)}::text::jsonb)::uuid)`

  const acceptOffer = (
    each: AssignmentState
  ) => sql`UPDATE driver_assignments SET status = ${each.status}::assignment_status,
      expires_at = NULL, assigned_at = now(), accepted_at = now(), schedule_sequence = ${nextInSchedule(sql`driver_assignments.driver_id`)}
    WHERE id = ${each.assignmentId}`

  const insertAssignments = (shipmentId: string, made: ReadonlyArray<AssignmentState>) => {
    const rows = made.map((each) => ({
      id: each.assignmentId,
      driver_id: each.driverId,
      status: each.status,
      fencing_token: each.fencingToken,
      expires_at: each.expiresAtMs === null ? null : new Date(each.expiresAtMs)
    }))
    return sql`INSERT INTO driver_assignments
        (id, shipment_id, driver_id, status, fencing_token, schedule_sequence, offered_at, expires_at, accepted_at)
      SELECT n.id, ${shipmentId}::uuid, n.driver_id, n.status, n.fencing_token, ${nextInSchedule(sql`n.driver_id`)},
        CASE WHEN n.status = 'pending' THEN now() END, n.expires_at, CASE WHEN n.status <> 'pending' THEN now() END
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
        AS n(id uuid, driver_id uuid, status assignment_status, fencing_token bigint, expires_at timestamptz)`
  }

  /** Writes what changed; those named in `touched` also when they did not. */
  const keepAssignments = Effect.fnUntraced(function* (
    shipmentId: string,
    before: ReadonlyArray<AssignmentState>,
    after: ReadonlyArray<AssignmentState>,
    touched: ReadonlySet<string>,
    shipmentStatus: ShipmentStatus
  ) {
    const known = new Map(before.map((each) => [each.assignmentId, each]))
    const changed = after.filter((each) => {
      const was = known.get(each.assignmentId)
      return was !== undefined && (was.status !== each.status || touched.has(each.assignmentId))
    })
    const isAccepting = (each: AssignmentState): boolean =>
      each.status === "accepted" && known.get(each.assignmentId)?.status === "pending"
    // Closing first: only one row of a shipment may carry it.
    for (const [status, alike] of Map.groupBy(
      changed.filter((each) => !isAccepting(each)),
      (each) => each.status
    ))
      yield* keepAlike(
        status,
        becauseOf(shipmentStatus),
        alike.map((each) => each.assignmentId)
      )
    yield* Effect.forEach(changed.filter(isAccepting), acceptOffer, { discard: true })
    const made = after.filter((each) => !known.has(each.assignmentId))
    if (made.length > 0) yield* insertAssignments(shipmentId, made)
  })

  return { keepAssignments }
})
