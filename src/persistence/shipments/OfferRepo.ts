import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { AssignmentStatus } from "../../domain/Assignment.ts"
import { systemOn } from "../RowScope.ts"

/** One driver who was asked, or was given a shipment without being asked. */
export interface AskedRow {
  readonly id: string
  readonly shipment_id: string
  readonly driver_id: string | null
  readonly status: AssignmentStatus
  readonly fencing_token: number
  readonly assigned_at: Date
  readonly offered_at: Date | null
  readonly expires_at: Date | null
  readonly accepted_at: Date | null
  readonly ended_at: Date | null
}

/** What a driver has to do now. */
export interface DriverWork {
  readonly driver_id: string
  readonly duty: string | null
  readonly employment_status: string
  /** Deliveries that they have. */
  readonly carried: number
  /** Offers of other shipments that they have not answered. */
  readonly open_offers: number
  /** Whether they declined the shipment that is asked about. */
  readonly has_declined: boolean
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const asSystem = systemOn(sql)
  const idsOf = (ids: ReadonlyArray<string>) =>
    sql`(SELECT jsonb_array_elements_text(${JSON.stringify(ids)}::text::jsonb)::uuid)`

  /** Shipments with offers whose time is over, the longest first, and when the next offer's time will be. */
  const due = Effect.fn("OfferRepo.due")(function* (now: Date, limit: number) {
    const rows = yield* asSystem(sql<{ readonly shipment_id: string }>`SELECT shipment_id FROM driver_assignments
      WHERE status = 'pending' AND expires_at <= ${now} ORDER BY expires_at LIMIT ${limit}`)
    return [...new Set(rows.map((row) => row.shipment_id))]
  })

  /** When the next offer's time is over; undefined when none is open. */
  const nextDue = asSystem(
    sql<{ readonly at: Date | null }>`SELECT min(expires_at) AS at FROM driver_assignments WHERE status = 'pending'`
  ).pipe(Effect.map((rows) => rows[0]?.at ?? undefined))

  /** What some drivers have to do. */
  const workOf = Effect.fn("OfferRepo.workOf")(function* (shipmentId: string, driverIds: ReadonlyArray<string>) {
    return yield* sql<DriverWork>`SELECT d.id AS driver_id, d.duty, d.employment_status,
        (SELECT count(*)::integer FROM driver_assignments a WHERE a.driver_id = d.id AND a.status IN ('accepted', 'en_route', 'arrived')) AS carried,
        (SELECT count(*)::integer FROM driver_assignments a WHERE a.driver_id = d.id AND a.status = 'pending'
          AND a.shipment_id <> ${shipmentId}) AS open_offers,
        EXISTS (SELECT FROM driver_assignments a
          WHERE a.driver_id = d.id AND a.shipment_id = ${shipmentId} AND a.status = 'rejected') AS has_declined
      FROM drivers d WHERE d.id IN ${idsOf(driverIds)} AND d.deleted_at IS NULL`
  })

  /** The same, held until the transaction ends: nobody else offers them anything meanwhile. */
  const holdWork = Effect.fn("OfferRepo.holdWork")(function* (shipmentId: string, driverIds: ReadonlyArray<string>) {
    yield* sql`SELECT pg_advisory_xact_lock(hashtextextended('offers ' || d.id, 0))
      FROM (SELECT jsonb_array_elements_text(${JSON.stringify([...driverIds].sort())}::text::jsonb) AS id) AS d`
    return yield* workOf(shipmentId, driverIds)
  })

  const askedColumns = sql`id, shipment_id, driver_id, status, fencing_token::integer AS fencing_token, assigned_at, offered_at, expires_at,
    accepted_at, ended_at`

  /** A shipment's assignments and offers, the oldest first. */
  const askedFor = Effect.fn("OfferRepo.askedFor")(function* (shipmentId: string) {
    return yield* sql<AskedRow>`SELECT ${askedColumns} FROM driver_assignments
      WHERE shipment_id = ${shipmentId} ORDER BY fencing_token`
  })

  return { due, nextDue, workOf, holdWork, askedFor }
})

/** Reads offers: those that are over, and who was asked. ShipmentRepo writes them. */
export class OfferRepo extends Context.Service<OfferRepo>()("dropmate/persistence/shipments/OfferRepo", { make }) {
  static readonly layer = Layer.effect(this, this.make)
}
