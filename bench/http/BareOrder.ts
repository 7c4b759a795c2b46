import type { QueryConfig } from "pg"
import type { Quantity } from "../../src/persistence/orders/ProductRepo.ts"
import type { placeOf } from "./OrderedThings.ts"
import type { Buyer } from "./OrderOperations.ts"

/** One order as the bare SQL places it; ids and key are made beforehand. */
export interface BareOrder {
  readonly buyer: Buyer
  readonly items: ReadonlyArray<Quantity>
  readonly place: ReturnType<typeof placeOf>
  readonly orderId: string
  readonly addressId: string
  readonly keyId: string
  readonly eventIds: ReadonlyArray<string>
  readonly key: string
  readonly requestId: string
  readonly fingerprint: Buffer
}

const statement = (name: string, text: string, values: ReadonlyArray<unknown>): QueryConfig => ({
  name,
  text,
  values: [...values]
})

/** What REST would have answered is about this long. */
const answerBytes = Buffer.alloc(1_100, "x")
const unitPrice = "12.50"

const sorted = (items: BareOrder["items"]): BareOrder["items"] =>
  [...items].sort((a, b) => (a.productId < b.productId ? -1 : 1))

const scopeOf = ({ buyer }: BareOrder): string => `user:${buyer.userId}`

/** The row scope, the key, and what is ordered. */
const opening = (order: BareOrder): ReadonlyArray<QueryConfig> => {
  const { buyer } = order
  const scope = scopeOf(order)
  return [
    statement("begin", "BEGIN", []),
    statement(
      "scope",
      `SELECT set_config('app.user_id', $1, true), set_config('app.driver_id', '', true), set_config('app.customer_id', $2, true),
        set_config('app.roles', 'customer', true), set_config('app.request_id', $3, true)`,
      [buyer.userId, buyer.customerId, order.requestId]
    ),
    statement("hold", "SELECT pg_try_advisory_xact_lock(hashtextextended($1::text, 0)) AS held", [
      `idempotency ${scope} ${order.key}`
    ]),
    statement(
      "find",
      `SELECT fingerprint, response_status, response_headers, response_body
       FROM idempotency_keys WHERE client_scope = $1 AND external_ref = $2 AND expires_at > $3`,
      [scope, order.key, new Date()]
    ),
    statement(
      "products",
      `SELECT id, name, description, price, currency, stock, version::integer AS version, created_at, updated_at
       FROM products WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL`,
      [sorted(order.items).map(({ productId }) => productId)]
    )
  ]
}

/** The order's rows and its stock. */
const writing = (order: BareOrder): ReadonlyArray<QueryConfig> => {
  const { buyer, place, orderId, addressId } = order
  const address = place.delivery_address
  const lines = order.items.map(({ productId, quantity }, i) => ({
    position: i + 1,
    product_id: productId,
    name: "Box",
    quantity,
    unit_price: unitPrice
  }))
  return [
    statement(
      "address",
      `INSERT INTO delivery_addresses (id, customer_id, line1, city, postal_code, country, lat, lng, deleted_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now())
       RETURNING id, label, line1, line2, city, region, postal_code, country, lat, lng, instructions,
         version::integer AS version, created_at, updated_at`,
      [
        addressId,
        buyer.customerId,
        address.line1,
        address.city,
        address.postal_code,
        address.country,
        address.lat,
        address.lng
      ]
    ),
    statement(
      "order",
      `INSERT INTO orders (id, customer_id, placed_by, status, source_channel, external_id, delivery_address_id, contact_name,
         contact_phone, contact_email, pickup_line1, pickup_lat, pickup_lng, window_start, window_end, notes, total, currency)
       VALUES ($1, $2, $3, 'submitted', 'app', NULL, $4, $5, $6, NULL, $7, $8, $9, NULL, NULL, NULL, $10::numeric, 'EUR')`,
      [
        orderId,
        buyer.customerId,
        buyer.userId,
        addressId,
        place.contact.name,
        place.contact.phone,
        place.pickup.line1,
        place.pickup.lat,
        place.pickup.lng,
        "37.50"
      ]
    ),
    statement(
      "items",
      `INSERT INTO order_items (order_id, position, product_id, name, quantity, unit_price)
       SELECT $1::uuid, i.position, i.product_id, i.name, i.quantity, i.unit_price
       FROM jsonb_to_recordset($2::text::jsonb) AS i(position smallint, product_id uuid, name text, quantity integer, unit_price numeric)`,
      [orderId, JSON.stringify(lines)]
    ),
    ...sorted(order.items).map(({ productId, quantity }) =>
      statement(
        "reserve",
        "UPDATE products SET stock = stock - $1 WHERE id = $2 AND deleted_at IS NULL AND stock >= $1 RETURNING 1",
        [quantity, productId]
      )
    )
  ]
}

/** The log, what is answered, and the answer's keeping. */
const closing = (order: BareOrder): ReadonlyArray<QueryConfig> => {
  const { buyer, orderId } = order
  const scope = scopeOf(order)
  const events = ["order.drafted", "order.submitted"].map((type, i) => ({
    id: order.eventIds[i],
    position: i + 1,
    shipment_id: null,
    version: null,
    type,
    data: {}
  }))
  return [
    statement(
      "events",
      `WITH numbered AS (
         UPDATE orders SET last_event_no = last_event_no + 2 WHERE id = $1 RETURNING last_event_no
       ), kept AS (
         INSERT INTO shipment_events (id, order_id, event_no, shipment_id, version, type, occurred_at, actor_kind, actor_id, cause, data)
         SELECT e.id, $1::uuid, numbered.last_event_no - 2 + e.position, e.shipment_id, e.version, e.type,
           $2::timestamptz, 'customer', $3::uuid, $4::text, e.data
         FROM numbered, jsonb_to_recordset($5::text::jsonb)
           AS e(id uuid, position integer, shipment_id uuid, version bigint, type text, data jsonb)
         ORDER BY e.position
       )
       SELECT last_event_no::integer AS last_event_no FROM numbered`,
      [orderId, new Date(), buyer.userId, `request ${order.requestId}`, JSON.stringify(events)]
    ),
    statement(
      "shown",
      `SELECT o.id, o.customer_id, o.status, o.source_channel, o.external_id, o.contact_name, o.contact_phone, o.contact_email,
         o.pickup_line1, o.pickup_lat, o.pickup_lng, o.window_start, o.window_end, o.notes, o.total, o.currency,
         o.version::integer AS version, o.created_at, o.updated_at, s.id AS shipment_id, s.status AS shipment_status,
         jsonb_build_object('id', a.id, 'line1', a.line1, 'line2', a.line2, 'city', a.city, 'region', a.region, 'postal_code', a.postal_code,
           'country', a.country, 'lat', a.lat, 'lng', a.lng, 'instructions', a.instructions) AS address,
         (SELECT coalesce(jsonb_agg(jsonb_build_object('product_id', i.product_id, 'name', i.name, 'quantity', i.quantity,
             'unit_price', i.unit_price::text) ORDER BY i.position), '[]') FROM order_items i WHERE i.order_id = o.id) AS items
       FROM orders o JOIN delivery_addresses a ON a.id = o.delivery_address_id LEFT JOIN shipments s ON s.order_id = o.id
       WHERE o.id = $1`,
      [orderId]
    ),
    statement(
      "keep",
      `INSERT INTO idempotency_keys AS kept
         (id, client_scope, external_ref, fingerprint, response_status, response_headers, response_body, expires_at)
       VALUES ($1, $2, $3, $4, 201, $5::text::jsonb, $6, now() + interval '1 day')
       ON CONFLICT (client_scope, external_ref) DO UPDATE
       SET id = excluded.id, fingerprint = excluded.fingerprint, response_status = excluded.response_status,
           response_headers = excluded.response_headers, response_body = excluded.response_body,
           created_at = now(), expires_at = excluded.expires_at`,
      [
        order.keyId,
        scope,
        order.key,
        order.fingerprint,
        JSON.stringify({ location: `/v1/orders/ord_${orderId}` }),
        answerBytes
      ]
    ),
    statement("commit", "COMMIT", [])
  ]
}

/**
 * The transaction of POST /v1/orders with an Idempotency-Key, for an order with an address of its own that is submitted at once: the
 * product's statements one by one, prepared, in its row scope. Prices are known beforehand; what the reads answer is not looked at.
 */
export const orderStatements = (order: BareOrder): ReadonlyArray<QueryConfig> => [
  ...opening(order),
  ...writing(order),
  ...closing(order)
]
