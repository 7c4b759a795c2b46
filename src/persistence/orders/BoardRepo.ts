import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { OrderStatus } from "../../domain/Order.ts"
import type { ShipmentStatus } from "../../domain/Shipment.ts"

/** An order as dispatchers see it in a list, with what of its shipment they plan by. */
export interface BoardRow {
  readonly id: string
  readonly external_id: string | null
  readonly status: OrderStatus
  readonly customer_name: string | null
  readonly line1: string
  readonly city: string
  readonly pieces: number
  readonly total: string
  readonly currency: string
  readonly window_start: Date | null
  readonly window_end: Date | null
  readonly shipment_id: string | null
  readonly shipment_status: ShipmentStatus | null
  readonly is_picked_up: boolean | null
  /** Whether a driver was asked, and has not answered yet. */
  readonly is_offered: boolean
  readonly promised_arrival_at: Date | null
  readonly estimated_arrival_at: Date | null
  readonly estimated_arrival_p90_at: Date | null
  readonly estimated_at: Date | null
  readonly driver_id: string | null
  readonly driver_name: string | null
  readonly created_at: Date
  /** Of the order, its shipment and its estimate the newest. */
  readonly changed_at: Date
  readonly ended_at: Date | null
}

/** Which orders of the board to list; the newest first. */
export interface BoardFilter {
  /** Orders that ended before are not on the board any more. */
  readonly endedSince: Date
  /** Only what changed since. */
  readonly changedSince?: Date | undefined
  readonly beforeId?: string | undefined
  readonly limit: number
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const changedAt = sql`greatest(o.updated_at, s.updated_at, s.estimated_at)`

  const list = Effect.fn("BoardRepo.list")(function* (filter: BoardFilter) {
    return yield* sql<BoardRow>`SELECT o.id, o.external_id, o.status, coalesce(o.contact_name, c.name) AS customer_name, a.line1, a.city,
        (SELECT coalesce(sum(i.quantity), 0)::integer FROM order_items i WHERE i.order_id = o.id) AS pieces, o.total, o.currency,
        o.window_start, o.window_end, s.id AS shipment_id, s.status AS shipment_status, s.is_picked_up,
        EXISTS (SELECT FROM driver_assignments p WHERE p.shipment_id = s.id AND p.status = 'pending') AS is_offered,
        s.promised_arrival_at, s.estimated_arrival_at, s.estimated_arrival_p90_at, s.estimated_at,
        d.id AS driver_id, u.name AS driver_name, o.created_at, ${changedAt} AS changed_at, coalesce(s.ended_at, o.ended_at) AS ended_at
      FROM orders o
        JOIN delivery_addresses a ON a.id = o.delivery_address_id
        LEFT JOIN customers c ON c.id = o.customer_id
        LEFT JOIN shipments s ON s.order_id = o.id
        LEFT JOIN driver_assignments r ON r.shipment_id = s.id AND r.status IN ('accepted', 'en_route', 'arrived')
        LEFT JOIN drivers d ON d.id = r.driver_id
        LEFT JOIN users u ON u.id = d.user_id
      WHERE (o.status IN ('submitted', 'confirmed') OR o.ended_at >= ${filter.endedSince})
        AND (${filter.changedSince ?? null}::timestamptz IS NULL OR ${changedAt} >= ${filter.changedSince ?? null}::timestamptz)
        AND (${filter.beforeId ?? null}::uuid IS NULL OR o.id < ${filter.beforeId ?? null}::uuid)
      ORDER BY o.id DESC LIMIT ${filter.limit}`
  })

  return { list }
})

/** Reads the orders that dispatchers have to think of: those that are open, and those that ended lately. */
export class BoardRepo extends Context.Service<BoardRepo>()("dropmate/persistence/orders/BoardRepo", { make }) {
  static readonly layer = Layer.effect(this, this.make)
}
