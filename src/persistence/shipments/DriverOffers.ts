import type { SqlClient } from "effect/sql"
import type { TaskStopJson } from "./TaskRepo.ts"

/** An open offer as its driver is told of it. Times are Unix milliseconds. */
export interface OfferRow {
  readonly assignment_id: string
  readonly shipment_id: string
  readonly fencing_token: number
  readonly expires_at: number
  /** What the business calls the order; null when it has no name for it. */
  readonly external_id: string | null
  readonly order_id: string
  readonly notes: string | null
  readonly stops: ReadonlyArray<TaskStopJson>
}

/** How an offer ended; `accepted` is for the other devices of the driver who took it. */
export type OfferEnd = "accepted" | "declined" | "taken" | "withdrawn" | "expired"

/** An offer that ended lately. */
export interface EndedOfferRow {
  readonly assignment_id: string
  readonly reason: OfferEnd
}

/** A driver's offers: the open ones, and those of the newest that ended lately. */
export interface DriverOffers {
  readonly open: ReadonlyArray<OfferRow>
  readonly ended: ReadonlyArray<EndedOfferRow>
}

const reasonSql = (
  sql: SqlClient.SqlClient
) => sql`CASE WHEN a.status = 'rejected' THEN 'declined' WHEN a.status <> 'expired' THEN 'accepted'
    WHEN a.expired_because = 'time' THEN 'expired' ELSE a.expired_because END`

/** The stops of shipment `s` as a frame tells them, in order. */
export const stopsJson = (
  sql: SqlClient.SqlClient
) => sql`(SELECT coalesce(jsonb_agg(jsonb_build_object('stop_id', p.id, 'type', p.stop_type,
      'position', p.position, 'lat', p.lat, 'lng', p.lng, 'address', p.address,
      'window_start', round(extract(epoch FROM p.window_start) * 1000), 'window_end', round(extract(epoch FROM p.window_end) * 1000),
      'status', p.status, 'requirements', p.requirements) ORDER BY p.position), '[]') FROM route_stops p WHERE p.shipment_id = s.id)`

/** The open offers of a driver, as JSON. */
export const openOffersJson = (
  sql: SqlClient.SqlClient,
  driverId: string,
  limit: number
) => sql`coalesce((SELECT jsonb_agg(o.offer) FROM (
      SELECT jsonb_build_object('assignment_id', a.id, 'shipment_id', a.shipment_id, 'fencing_token', a.fencing_token,
        'expires_at', round(extract(epoch FROM a.expires_at) * 1000), 'external_id', r.external_id, 'order_id', r.id,
        'notes', s.courier_notes, 'stops', ${stopsJson(sql)}) AS offer
      FROM driver_assignments a JOIN shipments s ON s.id = a.shipment_id JOIN orders r ON r.id = s.order_id
      WHERE a.driver_id = ${driverId} AND a.status = 'pending' ORDER BY a.id LIMIT ${limit}) AS o), '[]')`

/** Those of a driver's newest offers that ended since, as JSON. */
export const endedOffersJson = (
  sql: SqlClient.SqlClient,
  driverId: string,
  since: Date,
  limit: number
) => sql`coalesce((
      SELECT jsonb_agg(jsonb_build_object('assignment_id', a.id, 'reason', ${reasonSql(sql)})) FROM (
        SELECT * FROM driver_assignments n WHERE n.driver_id = ${driverId} ORDER BY n.tasks_version DESC LIMIT ${limit}) AS a
      WHERE a.offered_at IS NOT NULL AND (a.ended_at > ${since}::timestamptz OR a.accepted_at > ${since}::timestamptz)), '[]')`
