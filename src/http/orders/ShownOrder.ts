import type { OrderRow } from "../../persistence/orders/OrderRepo.ts"
import { showMoney } from "./CommerceField.ts"
import type { Order } from "./OrdersApi.ts"

/** An order as the API shows one. */
export const showOrder = (order: OrderRow): typeof Order.Type => ({
  id: order.id,
  customer_id: order.customer_id,
  status: order.status,
  channel: order.source_channel,
  external_id: order.external_id,
  total: showMoney(order.total, order.currency),
  items: order.items.map(({ unit_price, ...item }) => ({ ...item, unit_price: showMoney(unit_price, order.currency) })),
  delivery_address: order.address,
  pickup:
    order.pickup_lat === null || order.pickup_lng === null
      ? null
      : { line1: order.pickup_line1, lat: order.pickup_lat, lng: order.pickup_lng },
  window:
    order.window_start === null || order.window_end === null
      ? null
      : { start: order.window_start, end: order.window_end },
  contact:
    order.contact_name === null
      ? null
      : { name: order.contact_name, phone: order.contact_phone, email: order.contact_email },
  notes: order.notes,
  delivery_requirements: order.delivery_requirements,
  parcel_barcode: order.parcel_barcode,
  shipment_id: order.shipment_id,
  shipment_status: order.shipment_status,
  payment_status: order.payment_status,
  created_at: order.created_at,
  updated_at: order.updated_at
})
