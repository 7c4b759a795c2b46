import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { newId } from "../NewId.ts"
import { systemOn } from "../RowScope.ts"

/** That a run's shipments are still to be given to its driver. */
export interface RunGiving {
  /** Another one each time that it is wanted. */
  readonly giving_id: string
  /** Of staff, for parcels that another driver has picked up. */
  readonly reason: string | null
}

/** How RunRepo keeps which runs are still to be given. */
export const makeRunGivings = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const asSystem = systemOn(sql)

  /** Remembers, with the change that wants it, that a run's shipments are to be given to its driver. A reason that was given stays. */
  const wantGiving = Effect.fn("RunRepo.wantGiving")(function* (runId: string, reason: string | undefined) {
    yield* sql`INSERT INTO run_givings (run_id, giving_id, reason) VALUES (${runId}, ${yield* newId}, ${reason ?? null})
      ON CONFLICT (run_id) DO UPDATE SET giving_id = excluded.giving_id, wanted_at = now(),
        reason = coalesce(excluded.reason, run_givings.reason)`
  })

  /** What is still to be given of a run; undefined: nothing. */
  const givingOf = Effect.fn("RunRepo.givingOf")(function* (runId: string) {
    const rows = yield* sql<RunGiving>`SELECT giving_id, reason FROM run_givings WHERE run_id = ${runId}`
    return rows[0]
  })

  /** Shipments of a run that somebody was given since the run was to be given: whoever decided that decided later. */
  const givenSince = Effect.fn("RunRepo.givenSince")(function* (runId: string) {
    const rows = yield* sql<{ readonly shipment_id: string }>`SELECT DISTINCT a.shipment_id FROM run_givings g
      JOIN route_stops p ON p.run_id = g.run_id JOIN driver_assignments a ON a.shipment_id = p.shipment_id
      WHERE g.run_id = ${runId} AND a.status IN ('accepted', 'en_route', 'arrived') AND a.accepted_at > g.wanted_at`
    return new Set(rows.map((row) => row.shipment_id))
  })

  /** Every shipment was asked; a giving that was wanted since stays. */
  const endGiving = Effect.fn("RunRepo.endGiving")(function* (runId: string, givingId: string) {
    yield* sql`DELETE FROM run_givings WHERE run_id = ${runId} AND giving_id = ${givingId}`
  })

  /** Runs whose shipments were to be given by then, the longest first. */
  const notGivenSince = Effect.fn("RunRepo.notGivenSince")(function* (wantedBefore: Date, limit: number) {
    const rows = yield* asSystem(sql<{ readonly run_id: string }>`SELECT run_id FROM run_givings
      WHERE wanted_at <= ${wantedBefore} ORDER BY wanted_at LIMIT ${limit}`)
    return rows.map((row) => row.run_id)
  })

  return { wantGiving, givingOf, givenSince, endGiving, notGivenSince }
})
