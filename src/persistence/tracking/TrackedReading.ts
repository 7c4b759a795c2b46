import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import { Limits } from "../../config/Limits.ts"
import type { AssignmentStatus } from "../../domain/Assignment.ts"
import { customerEventTypes } from "../../domain/CustomerEvent.ts"
import type { OrderStatus } from "../../domain/Order.ts"
import type { ShipmentStatus } from "../../domain/Shipment.ts"
import { SystemDatabase } from "../Database.ts"
import { makeGathered } from "../Gathered.ts"
import type { TrackedDriver, TrackedEvent, TrackedOrder, TrackingGrant } from "./TrackingRepo.ts"

/** How TrackingRepo reads links and the orders that they open. */
export const makeTrackedReading = Effect.gen(function* () {
  const sql = yield* SystemDatabase
  const limits = yield* Limits
  const stopsJson = stopsAheadJson(sql)
  const eventJson = sql`jsonb_build_object('offset', e.event_no, 'type', e.type,
    'occurredAtMs', round(extract(epoch FROM e.occurred_at) * 1000), 'data', e.data)`

  // Pages that come back together, after a restart of hundreds of them, are read together: each costs its rows and not a statement.
  const together = { atOnceMax: limits.trackingGatheredMax, ms: limits.databaseConnectMs }
  const grantOf = yield* makeGathered(
    together,
    Effect.fn("TrackingRepo.byTokens")(function* (tokenHashes: ReadonlyArray<string>) {
      const rows =
        yield* sql<GrantRow>`SELECT encode(session_token, 'hex') AS token_hash, id, order_id, expires_at, revoked_at
        FROM tracking_sessions
        WHERE session_token = ANY (ARRAY(SELECT decode(jsonb_array_elements_text(${JSON.stringify(tokenHashes)}::text::jsonb), 'hex')))`
      const grants = new Map(rows.map((row) => [row.token_hash, trackingGrant(row)]))
      return (tokenHash: string) => grants.get(tokenHash)
    })
  )
  const orderOf = yield* makeGathered(
    together,
    Effect.fn("TrackingRepo.loads")(function* (orderIds: ReadonlyArray<string>) {
      const rows =
        yield* sql<TrackedRow>`SELECT o.id AS order_id, o.external_id, ${itemsJson(sql)} AS items, o.status AS order_status, o.event_epoch AS epoch,
          o.last_event_no::integer AS offset_no, o.ended_at, a.lat, a.lng, s.id AS shipment_id, s.status AS shipment_status,
          o.window_start, s.promised_arrival_at, s.estimated_arrival_at, s.estimated_at, ${stopsJson} AS stops_ahead,
          EXISTS (SELECT FROM route_stops r WHERE r.shipment_id = s.id AND r.stop_type = 'dropoff' AND 'pin' = ANY (r.requirements)) AS is_pin_required,
          (SELECT jsonb_build_object('status', c.status, 'driverId', c.driver_id, 'name', u.name, 'vehicleType', v.type,
              'colour', v.colour, 'plate', v.plate)
            FROM driver_assignments c JOIN drivers d ON d.id = c.driver_id JOIN users u ON u.id = d.user_id
            LEFT JOIN driver_profiles p ON p.driver_id = d.id LEFT JOIN vehicles v ON v.id = p.vehicle_id AND v.deleted_at IS NULL
            WHERE c.shipment_id = s.id AND c.status IN ('accepted', 'en_route', 'arrived')) AS carrier,
          (SELECT coalesce(jsonb_agg(${eventJson} ORDER BY e.event_no), '[]') FROM shipment_events e WHERE e.order_id = o.id) AS timeline
        FROM orders o JOIN delivery_addresses a ON a.id = o.delivery_address_id LEFT JOIN shipments s ON s.order_id = o.id
        WHERE o.id = ANY (${[...new Set(orderIds)]}::uuid[])`
      const orders = new Map(rows.map((row) => [row.order_id, trackedOrder(row)]))
      return (orderId: string) => orders.get(orderId)
    })
  )

  const stopsAhead = Effect.fn("TrackingRepo.stopsAhead")(function* (orderIds: ReadonlyArray<string>) {
    const rows = yield* sql<StopsRow>`SELECT s.order_id, ${stopsJson} AS stops_ahead FROM shipments s
      WHERE s.order_id IN (SELECT jsonb_array_elements_text(${JSON.stringify(orderIds)}::text::jsonb)::uuid)`
    return new Map(rows.flatMap((row) => (row.stops_ahead.length === 0 ? [] : [[row.order_id, row.stops_ahead]])))
  })
  const eventsAfter = Effect.fn("TrackingRepo.eventsAfter")(function* (orderId: string, offset: number) {
    const rows = yield* sql<{
      readonly event: EventJson
    }>`SELECT ${eventJson} AS event FROM shipment_events e
      WHERE e.order_id = ${orderId} AND e.event_no > ${offset} ORDER BY e.event_no`
    return rows.map((row) => trackedEvent(row.event))
  })

  return {
    byToken: (tokenHash: Uint8Array) => grantOf(Buffer.from(tokenHash).toString("hex")),
    load: orderOf,
    stopsAhead,
    eventsAfter
  }
})

/** What is in the parcel of order `o`. */
const itemsJson = (sql: SqlClient.SqlClient) => sql`(SELECT coalesce(jsonb_agg(
    jsonb_build_object('name', i.name, 'quantity', i.quantity) ORDER BY i.position), '[]') FROM order_items i WHERE i.order_id = o.id)`

// In a run under way: every stop before this drop-off where the same driver is still to be, breaks included. Outside of one: doors
// that the driver has set out for already, in jobs that were to be done before that of shipment `s`; what they have not set out
// for comes later, whatever its number says.
const stopsAheadJson = (
  sql: SqlClient.SqlClient
) => sql`(SELECT coalesce(jsonb_agg(jsonb_build_object('lat', d.lat, 'lng', d.lng)
      || CASE WHEN d.duration_s IS NULL THEN '{}' ELSE jsonb_build_object('stayS', d.duration_s) END ORDER BY d.turn, d.position), '[]')
    FROM driver_assignments c
    LEFT JOIN (SELECT o.shipment_id, o.position, r.id, r.driver_id FROM route_stops o JOIN delivery_runs r ON r.id = o.run_id
      WHERE r.status = 'active' AND o.stop_type = 'dropoff') AS run ON run.shipment_id = c.shipment_id AND run.driver_id = c.driver_id
    CROSS JOIN LATERAL (
      SELECT p.lat, p.lng, p.duration_s, 0 AS turn, p.position FROM route_stops p
      WHERE p.run_id = run.id AND p.position < run.position AND p.status IN ('planned', 'en_route', 'arrived')
        AND p.shipment_id IS DISTINCT FROM c.shipment_id
        AND (p.shipment_id IS NULL OR EXISTS (SELECT FROM driver_assignments b WHERE b.shipment_id = p.shipment_id
          AND b.driver_id = c.driver_id AND b.status IN ('accepted', 'en_route', 'arrived')))
      UNION ALL
      SELECT p.lat, p.lng, NULL, b.schedule_sequence, p.position FROM driver_assignments b
      JOIN route_stops p ON p.shipment_id = b.shipment_id AND p.status IN ('en_route', 'arrived')
      WHERE run.id IS NULL AND b.driver_id = c.driver_id AND b.schedule_sequence < c.schedule_sequence
        AND b.status IN ('accepted', 'en_route', 'arrived')
    ) AS d
    WHERE c.shipment_id = s.id AND c.status IN ('accepted', 'en_route', 'arrived'))`

interface StopsRow {
  readonly order_id: string
  readonly stops_ahead: TrackedOrder["stopsAhead"]
}

interface GrantRow {
  readonly token_hash: string
  readonly id: string
  readonly order_id: string
  readonly expires_at: Date
  readonly revoked_at: Date | null
}

interface EventJson {
  readonly offset: number
  readonly type: string
  readonly occurredAtMs: number
  readonly data: Readonly<Record<string, unknown>>
}

interface CarrierJson {
  readonly status: AssignmentStatus
  readonly driverId: string
  readonly name: string
  readonly vehicleType: string | null
  readonly colour: string | null
  readonly plate: string | null
}

interface TrackedRow {
  readonly order_id: string
  readonly external_id: string | null
  readonly items: ReadonlyArray<{ readonly name: string; readonly quantity: number }>
  readonly order_status: OrderStatus
  readonly epoch: number
  readonly offset_no: number
  readonly ended_at: Date | null
  readonly lat: number
  readonly lng: number
  readonly shipment_id: string | null
  readonly shipment_status: ShipmentStatus | null
  readonly window_start: Date | null
  readonly promised_arrival_at: Date | null
  readonly estimated_arrival_at: Date | null
  readonly estimated_at: Date | null
  readonly stops_ahead: TrackedOrder["stopsAhead"]
  readonly is_pin_required: boolean
  readonly carrier: CarrierJson | null
  readonly timeline: ReadonlyArray<EventJson>
}

const trackingGrant = (row: GrantRow): TrackingGrant => ({
  sessionId: row.id,
  orderId: row.order_id,
  expiresAtMs: row.expires_at.getTime(),
  revokedAtMs: row.revoked_at?.getTime()
})

const trackedEvent = (event: EventJson): TrackedEvent => ({
  ...event,
  isForCustomer: customerEventTypes.has(event.type)
})

// Enough to recognise the vehicle at the door, too little to look its owner up.
const plateHintLength = 3

const trackedDriver = (carrier: CarrierJson): TrackedDriver => ({
  driverId: carrier.driverId,
  firstName: carrier.name.trim().split(/\s+/)[0] ?? "",
  ...(carrier.vehicleType === null
    ? {}
    : {
        vehicle: {
          type: carrier.vehicleType,
          ...(carrier.colour === null ? {} : { colour: carrier.colour }),
          ...(carrier.plate === null ? {} : { plateHint: carrier.plate.slice(-plateHintLength) })
        }
      })
})

const trackedOrder = (row: TrackedRow): TrackedOrder => ({
  orderId: row.order_id,
  orderStatus: row.order_status,
  contents: { ...(row.external_id === null ? {} : { number: row.external_id }), items: row.items },
  epoch: row.epoch,
  offset: row.offset_no,
  ...(row.shipment_id === null ? {} : { shipmentId: row.shipment_id }),
  ...(row.shipment_status === null ? {} : { shipmentStatus: row.shipment_status }),
  ...(row.carrier === null ? {} : { assignmentStatus: row.carrier.status, driver: trackedDriver(row.carrier) }),
  destination: { lat: row.lat, lng: row.lng },
  stopsAhead: row.stops_ahead,
  ...(row.promised_arrival_at === null
    ? {}
    : { promised: { startMs: row.window_start?.getTime(), endMs: row.promised_arrival_at.getTime() } }),
  ...(row.estimated_arrival_at === null || row.estimated_at === null
    ? {}
    : { keptEta: { p50At: row.estimated_arrival_at.getTime(), computedAt: row.estimated_at.getTime() } }),
  ...(row.is_pin_required ? { isPinRequired: true } : {}),
  ...(row.ended_at === null ? {} : { completedAtMs: row.ended_at.getTime() }),
  timeline: row.timeline.map(trackedEvent)
})
