import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { Eta } from "../../domain/Eta.ts"

/** What ShipmentRepo does with estimates of arrival. */
export const makeShipmentEstimates = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  /**
   * Commits an estimate of a drive under way, unless one that is nearly the same or nearly as new is committed: what another node
   * did meanwhile counts. Says whether it did. Raises no version: an estimate is no transition.
   */
  const keepEstimate = Effect.fn("ShipmentRepo.keepEstimate")(function* (
    shipmentId: string,
    { p50At, p90At, computedAt }: Eta,
    nowMs: number,
    { etaKeptMs, etaKeptEveryMs }: { readonly etaKeptMs: number; readonly etaKeptEveryMs: number }
  ) {
    const kept = yield* sql`UPDATE shipments SET estimated_arrival_at = ${new Date(p50At)},
        estimated_arrival_p90_at = ${new Date(p90At)}, estimated_at = ${new Date(computedAt)}
      WHERE id = ${shipmentId} AND status = 'en_route' AND (estimated_at IS NULL
        OR (estimated_at <= ${new Date(nowMs - etaKeptEveryMs)}
          AND estimated_arrival_at NOT BETWEEN ${new Date(p50At - etaKeptMs)} AND ${new Date(p50At + etaKeptMs)}))
      RETURNING 1`
    return kept.length > 0
  })

  return { keepEstimate }
})
