import type { GoodRow } from "./GoodRows.ts"
import {
  address,
  assignment,
  customer,
  driver,
  hash,
  idOf,
  key,
  later,
  now,
  order,
  payment,
  product,
  run,
  shipment,
  user,
  vehicle
} from "./RowIds.ts"

/** Products, orders, payments, shipments and who may watch. */
export const commerceRows: ReadonlyArray<GoodRow> = [
  ["products", { id: product, name: "Box", description: "d", price: 1, currency: "EUR", stock: 5 }],
  [
    "delivery_addresses",
    {
      id: address,
      customer_id: customer,
      label: "home",
      line1: "Street 1",
      line2: "x",
      city: "Wien",
      region: "W",
      postal_code: "1010",
      country: "AT",
      lat: 48,
      lng: 16,
      instructions: "ring"
    }
  ],
  [
    "orders",
    {
      id: order,
      customer_id: customer,
      placed_by: user,
      status: "confirmed",
      source_channel: "web",
      external_id: "shop-1",
      delivery_address_id: address,
      contact_name: "Ada",
      contact_phone: "+43",
      contact_email: "ada@example.com",
      pickup_line1: "Depot",
      pickup_lat: 48,
      pickup_lng: 16,
      window_start: now,
      window_end: later,
      notes: "n",
      delivery_requirements: ["photo"],
      parcel_barcode: "b",
      total: 1,
      currency: "EUR"
    }
  ],
  ["order_items", { order_id: order, position: 1, product_id: product, name: "Box", quantity: 1, unit_price: 1 }],
  [
    "payments",
    {
      id: payment,
      order_id: order,
      status: "settled",
      processor: "sandbox",
      processor_ref: "pay_1",
      amount: 10,
      settled_amount: 10,
      currency: "EUR",
      idempotency_key_id: key
    }
  ],
  [
    "payment_attempts",
    {
      payment_id: payment,
      attempt_no: 1,
      operation: "authorize",
      outcome: "declined",
      amount: 10,
      error_code: "card_declined",
      processor_ref: "p",
      request_id: "r"
    }
  ],
  [
    "refunds",
    {
      id: idOf(32),
      payment_id: payment,
      status: "succeeded",
      amount: 1,
      reason: "late",
      processor_ref: "re_1",
      requested_by: user
    }
  ],
  [
    "payment_operations",
    {
      id: idOf(61),
      payment_id: payment,
      operation_no: 1,
      operation: "refund",
      refund_id: idOf(32),
      processor: "sandbox",
      processor_ref: "pay_1",
      amount: 1,
      outcome: "succeeded",
      claims: 1,
      ended_at: now,
      actor_kind: "admin",
      actor_id: user,
      cause: "request r"
    }
  ],
  [
    "shipments",
    {
      id: shipment,
      order_id: order,
      status: "assigned",
      version: 1,
      fencing_counter: 1,
      courier_notes: "n",
      current_driver_location_id: driver,
      estimated_arrival_at: now,
      estimated_arrival_p90_at: later,
      estimated_at: now
    }
  ],
  [
    "driver_assignments",
    { id: assignment, shipment_id: shipment, driver_id: driver, status: "accepted", fencing_token: 1 }
  ],
  [
    "delivery_runs",
    {
      id: run,
      driver_id: driver,
      vehicle_id: vehicle,
      status: "completed",
      name: "Tour",
      started_at: now,
      ended_at: later
    }
  ],
  ["run_givings", { run_id: run, giving_id: idOf(68), wanted_at: now, reason: "not heard of" }],
  [
    "route_stops",
    {
      id: idOf(33),
      shipment_id: shipment,
      run_id: run,
      stop_type: "dropoff",
      position: 1,
      lat: 48,
      lng: 16,
      address: "Street 1"
    }
  ],
  [
    "shipment_events",
    {
      id: idOf(34),
      order_id: order,
      event_no: 1,
      shipment_id: shipment,
      version: 1,
      type: "shipment.created",
      occurred_at: now,
      recorded_at: now,
      actor_kind: "system",
      cause: "test",
      data: {}
    }
  ],
  [
    "tracking_sessions",
    { id: idOf(35), order_id: order, customer_id: customer, session_token: hash, created_by: user, expires_at: later }
  ]
]
