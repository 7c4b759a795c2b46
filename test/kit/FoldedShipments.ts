import pg from "pg"
import { isOrderEventType } from "../../src/domain/Order.ts"
import type { ShipmentEvent } from "../../src/domain/ShipmentEvent.ts"
import { foldShipment } from "../../src/domain/ShipmentState.ts"

/** One difference between a row and what its log says. */
export interface FoldProblem {
  readonly id: string
  readonly row: unknown
  readonly folded: unknown
}

const shipmentRows = `SELECT s.id, s.status, s.version::integer, s.fencing_counter::integer AS "fencingCounter",
    s.is_picked_up AS "isPickedUp", s.current_driver_location_id AS shown,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('assignmentId', a.id, 'driverId', a.driver_id, 'status', a.status,
      'fencingToken', a.fencing_token, 'expiresAtMs', round(extract(epoch FROM a.expires_at) * 1000)) ORDER BY a.fencing_token), '[]') FROM driver_assignments a WHERE a.shipment_id = s.id) AS assignments,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('stopId', p.id, 'type', p.stop_type, 'position', p.place, 'status', p.status) ORDER BY p.place), '[]')
      FROM (SELECT r.*, row_number() OVER (ORDER BY r.position) AS place FROM route_stops r WHERE r.shipment_id = s.id) AS p) AS stops,
    (SELECT jsonb_agg(jsonb_build_object('type', e.type, 'data', e.data, 'version', e.version) ORDER BY e.event_no)
      FROM shipment_events e WHERE e.shipment_id = s.id) AS events
  FROM shipments s`

const orderRows = `SELECT o.id, o.status, o.last_event_no::integer AS last,
    (SELECT jsonb_agg(jsonb_build_object('type', e.type, 'no', e.event_no) ORDER BY e.event_no) FROM shipment_events e WHERE e.order_id = o.id) AS events,
    (SELECT count(*)::integer FROM outbox b WHERE b.order_id = o.id) AS waiting
  FROM orders o`

interface OrderFold {
  readonly id: string
  readonly status: string
  readonly last: number
  readonly events: ReadonlyArray<{ readonly type: string; readonly no: number }>
  readonly waiting: number
}

const orderProblems = (orders: ReadonlyArray<OrderFold>): ReadonlyArray<FoldProblem> =>
  orders.flatMap(({ id, status, last, events, waiting }) => {
    const newest = events.findLast((event) => isOrderEventType(event.type))?.type
    const told = {
      status: newest === "order.drafted" ? "draft" : newest?.slice("order.".length),
      numbers: events.length
    }
    const isWhole = events.every((event, index) => event.no === index + 1) && last === events.length && waiting === last
    return told.status === status && isWhole ? [] : [{ id, row: { status, last, waiting }, folded: told }]
  })

/** Every order and shipment of a database whose rows, log and outbox do not agree; empty when all is well. */
export const foldProblems = async (databaseUrl: string): Promise<ReadonlyArray<FoldProblem>> => {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const shipments = (await client.query(shipmentRows)).rows.flatMap(({ id, events, shown, ...row }) => {
      const folded = foldShipment(events as ReadonlyArray<ShipmentEvent>)
      const versions = (events as ReadonlyArray<{ version: number }>).map((event) => event.version)
      const isCounted = versions.every((version, index) => version === index + 1)
      const carrier = folded?.assignments.find((each) => ["accepted", "en_route", "arrived"].includes(each.status))
      const isSame = JSON.stringify(sorted(row)) === JSON.stringify(sorted(folded))
      return isSame && isCounted && (carrier?.driverId ?? null) === shown ? [] : [{ id: String(id), row, folded }]
    })
    return [...shipments, ...orderProblems((await client.query<OrderFold>(orderRows)).rows)]
  } finally {
    await client.end()
  }
}

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)])
  )
}
