import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { type Money, toDecimal } from "../../domain/Money.ts"
import type { OrderStatus } from "../../domain/Order.ts"
import type { PaymentStatus } from "../../domain/Payment.ts"
import type { ShipmentStatus } from "../../domain/Shipment.ts"
import { theRow } from "../RowAbsent.ts"
import { orValueTaken } from "../ValueTaken.ts"
import type { Quantity } from "./ProductRepo.ts"

/** One line of an order inside its row; `unit_price` is numeric's text. */
export interface ItemJson {
  readonly product_id: string
  readonly name: string
  readonly quantity: number
  readonly unit_price: string
}

/** An order with its items, its address and its shipment. */
export interface OrderRow {
  readonly id: string
  readonly customer_id: string | null
  readonly status: OrderStatus
  readonly source_channel: "web" | "app" | "wechat"
  readonly external_id: string | null
  readonly contact_name: string | null
  readonly contact_phone: string | null
  readonly contact_email: string | null
  readonly pickup_line1: string | null
  readonly pickup_lat: number | null
  readonly pickup_lng: number | null
  readonly window_start: Date | null
  readonly window_end: Date | null
  readonly notes: string | null
  /** Null: the shop's own rule. */
  readonly delivery_requirements: ReadonlyArray<string> | null
  readonly parcel_barcode: string | null
  readonly total: string
  readonly currency: string
  readonly version: number
  readonly created_at: Date
  readonly updated_at: Date
  readonly address: AddressJson
  readonly items: ReadonlyArray<ItemJson>
  readonly shipment_id: string | null
  readonly shipment_status: ShipmentStatus | null
  /** Null: nobody tried to pay. */
  readonly payment_status: PaymentStatus | null
}

/** The drop-off inside an order's row. */
export interface AddressJson {
  readonly id: string
  readonly line1: string
  readonly line2: string | null
  readonly city: string
  readonly region: string | null
  readonly postal_code: string | null
  readonly country: string
  readonly lat: number
  readonly lng: number
  readonly instructions: string | null
}

/** An order to keep, as a draft or submitted at once. */
export interface NewOrder {
  readonly id: string
  readonly customerId: string | undefined
  readonly placedBy: string
  readonly status: OrderStatus
  readonly channel: "web" | "app" | "wechat"
  readonly externalId: string | undefined
  readonly addressId: string
  readonly contact: { readonly name: string; readonly phone?: string; readonly email?: string } | undefined
  readonly pickup: { readonly line1?: string; readonly lat: number; readonly lng: number } | undefined
  readonly window: { readonly start: Date; readonly end: Date } | undefined
  readonly notes: string | undefined
  readonly requirements: ReadonlyArray<string> | undefined
  readonly barcode: string | undefined
  readonly total: Money
  readonly items: ReadonlyArray<Quantity & { readonly name: string; readonly unitPrice: Money }>
}

/** Which orders to list; the newest first. */
export interface OrderFilter {
  /** Only this customer's. */
  readonly customerId?: string | undefined
  readonly status?: OrderStatus | undefined
  readonly externalId?: string | undefined
  readonly beforeId?: string | undefined
  readonly limit: number
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = sql`o.id, o.customer_id, o.status, o.source_channel, o.external_id, o.contact_name, o.contact_phone, o.contact_email,
    o.pickup_line1, o.pickup_lat, o.pickup_lng, o.window_start, o.window_end, o.notes, o.delivery_requirements, o.parcel_barcode, o.total, o.currency, o.version::integer AS version,
    o.created_at, o.updated_at, s.id AS shipment_id, s.status AS shipment_status,
    (SELECT p.status FROM payments p WHERE p.order_id = o.id) AS payment_status,
    jsonb_build_object('id', a.id, 'line1', a.line1, 'line2', a.line2, 'city', a.city, 'region', a.region, 'postal_code', a.postal_code,
      'country', a.country, 'lat', a.lat, 'lng', a.lng, 'instructions', a.instructions) AS address,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('product_id', i.product_id, 'name', i.name, 'quantity', i.quantity,
        'unit_price', i.unit_price::text) ORDER BY i.position), '[]') FROM order_items i WHERE i.order_id = o.id) AS items`
  const joins = sql`FROM orders o JOIN delivery_addresses a ON a.id = o.delivery_address_id LEFT JOIN shipments s ON s.order_id = o.id`

  const get = Effect.fn("OrderRepo.get")(function* (id: string) {
    return yield* theRow("order", id, yield* sql<OrderRow>`SELECT ${columns} ${joins} WHERE o.id = ${id}`)
  })

  const list = Effect.fn("OrderRepo.list")(function* (filter: OrderFilter) {
    return yield* sql<OrderRow>`SELECT ${columns} ${joins}
      WHERE (${filter.customerId ?? null}::uuid IS NULL OR o.customer_id = ${filter.customerId ?? null}::uuid)
        AND (${filter.status ?? null}::order_status IS NULL OR o.status = ${filter.status ?? null}::order_status)
        AND (${filter.externalId ?? null}::text IS NULL OR o.external_id = ${filter.externalId ?? null})
        AND (${filter.beforeId ?? null}::uuid IS NULL OR o.id < ${filter.beforeId ?? null}::uuid)
      ORDER BY o.id DESC LIMIT ${filter.limit}`
  })

  const insert = Effect.fn("OrderRepo.insert")(function* (order: NewOrder) {
    yield* sql`INSERT INTO orders (id, customer_id, placed_by, status, source_channel, external_id, delivery_address_id, contact_name,
        contact_phone, contact_email, pickup_line1, pickup_lat, pickup_lng, window_start, window_end, notes, delivery_requirements, parcel_barcode, total, currency)
      VALUES (${order.id}, ${order.customerId ?? null}, ${order.placedBy}, ${order.status}::order_status, ${order.channel}::order_channel,
        ${order.externalId ?? null}, ${order.addressId}, ${order.contact?.name ?? null}, ${order.contact?.phone ?? null},
        ${order.contact?.email ?? null}, ${order.pickup?.line1 ?? null}, ${order.pickup?.lat ?? null}, ${order.pickup?.lng ?? null},
        ${order.window?.start ?? null}, ${order.window?.end ?? null}, ${order.notes ?? null},
        CASE WHEN ${order.requirements !== undefined}::boolean
          THEN ARRAY(SELECT jsonb_array_elements_text(${JSON.stringify(order.requirements ?? [])}::text::jsonb)) END, ${order.barcode ?? null}, ${toDecimal(order.total)}::numeric,
        ${order.total.currency})`
    const items = order.items.map(({ productId, quantity, name, unitPrice }, index) => ({
      position: index + 1,
      product_id: productId,
      name,
      quantity,
      unit_price: toDecimal(unitPrice)
    }))
    yield* sql`INSERT INTO order_items (order_id, position, product_id, name, quantity, unit_price)
      SELECT ${order.id}::uuid, i.position, i.product_id, i.name, i.quantity, i.unit_price
      FROM jsonb_to_recordset(${JSON.stringify(items)}::text::jsonb)
        AS i(position smallint, product_id uuid, name text, quantity integer, unit_price numeric)`
  }, orValueTaken)

  /** Takes the order's row for the transaction: every change of an order and its shipment begins with it. */
  const lock = Effect.fn("OrderRepo.lock")(function* (id: string) {
    const rows = yield* sql<{
      status: OrderStatus
      version: number
    }>`SELECT status, version::integer AS version FROM orders WHERE id = ${id} FOR UPDATE`
    return yield* theRow("order", id, rows)
  })

  /** Whose an order is; RowAbsent when there is none. */
  const customerIdOf = Effect.fn("OrderRepo.customerIdOf")(function* (id: string) {
    const rows = yield* sql<{ customer_id: string | null }>`SELECT customer_id FROM orders WHERE id = ${id}`
    return (yield* theRow("order", id, rows)).customer_id ?? undefined
  })

  /** The caller holds the row. */
  const setStatus = Effect.fn("OrderRepo.setStatus")(function* (id: string, status: OrderStatus) {
    yield* sql`UPDATE orders SET status = ${status}::order_status,
        ended_at = CASE WHEN ${status} IN ('fulfilled', 'cancelled') THEN now() END
      WHERE id = ${id}`
  })

  const quantities = Effect.fn("OrderRepo.quantities")(function* (id: string) {
    const rows = yield* sql<{ product_id: string; quantity: number }>`SELECT product_id, quantity FROM order_items
      WHERE order_id = ${id} ORDER BY position`
    return rows.map((row): Quantity => ({ productId: row.product_id, quantity: row.quantity }))
  })

  return { get, list, insert, lock, customerIdOf, setStatus, quantities }
})

/** Keeps orders and their items. */
export class OrderRepo extends Context.Service<OrderRepo>()("dropmate/persistence/orders/OrderRepo", { make }) {
  static readonly layer = Layer.effect(this, this.make)
}
