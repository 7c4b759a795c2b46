import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { ProofType } from "../../domain/TaskPayload.ts"

/** What a shipment's proofs are judged by. */
export interface ProofTerms {
  readonly requirements: ReadonlyArray<string>
  readonly wrongPins: number
  readonly barcode: string | undefined
}

/** The part of ProofRepo that knows what a delivery must be proved by. */
export const makeProofTerms = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  const termsOf = Effect.fn("ProofRepo.termsOf")(function* (shipmentId: string) {
    const rows = yield* sql<{
      readonly requirements: ReadonlyArray<string> | null
      readonly wrong_pins: number
      readonly barcode: string | null
    }>`SELECT s.wrong_pins, o.parcel_barcode AS barcode,
        (SELECT p.requirements FROM route_stops p WHERE p.shipment_id = s.id AND p.stop_type = 'dropoff' ORDER BY p.position DESC LIMIT 1)
      FROM shipments s JOIN orders o ON o.id = s.order_id WHERE s.id = ${shipmentId}`
    const terms: ProofTerms = {
      requirements: rows[0]?.requirements ?? [],
      wrongPins: rows[0]?.wrong_pins ?? 0,
      barcode: rows[0]?.barcode ?? undefined
    }
    return terms
  })

  /** The caller holds the shipment. */
  const countWrongPin = (shipmentId: string) =>
    Effect.asVoid(sql`UPDATE shipments SET wrong_pins = wrong_pins + 1 WHERE id = ${shipmentId}`)

  /** Takes a requirement from the drop-off, and tells the carrier's devices. Says whether it was there. */
  const waive = Effect.fn("ProofRepo.waive")(function* (shipmentId: string, type: ProofType) {
    const waived =
      yield* sql`UPDATE route_stops SET requirements = array_remove(requirements, ${type}::text), updated_at = now()
      WHERE shipment_id = ${shipmentId} AND stop_type = 'dropoff' AND ${type}::text = ANY (requirements) RETURNING 1`
    if (waived.length === 0) return false
    yield* sql`UPDATE driver_assignments SET updated_at = now()
      WHERE shipment_id = ${shipmentId} AND status IN ('accepted', 'en_route', 'arrived')`
    return true
  })

  return { termsOf, countWrongPin, waive }
})
