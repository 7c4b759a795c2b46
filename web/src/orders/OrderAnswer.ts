import type { Money } from "../../../src/domain/Money.ts"
import type { BoardOrder, TimeWindow } from "./BoardOrder.ts"

/** A drop-off as an order holds it. */
export interface DeliveryAddress {
  readonly line1: string
  readonly line2: string | null
  readonly city: string
  readonly postal_code: string | null
  readonly country: string
  readonly lat: number
  readonly lng: number
  readonly instructions: string | null
}

/** `GET /v1/orders/{id}`, as far as the console shows it. */
export interface OrderAnswer {
  readonly id: string
  readonly status: string
  readonly channel: string
  readonly external_id: string | null
  readonly customer_id: string | null
  readonly total: Money
  readonly items: ReadonlyArray<{
    readonly product_id: string
    readonly name: string
    readonly quantity: number
    readonly unit_price: Money
  }>
  readonly delivery_address: DeliveryAddress
  readonly pickup: { readonly line1: string | null; readonly lat: number; readonly lng: number } | null
  readonly window: TimeWindow | null
  readonly contact: { readonly name: string; readonly phone: string | null; readonly email: string | null } | null
  readonly notes: string | null
  readonly shipment_id: string | null
  /** Null: nobody tried to pay. */
  readonly payment_status: string | null
  readonly shipment_status: string | null
  readonly created_at: string
  readonly updated_at: string
}

const isOver = ({ status }: OrderAnswer): boolean => status === "fulfilled" || status === "cancelled"

/** An order that was found by its number, as a row of the board. */
export const boardOrderOf = (order: OrderAnswer): BoardOrder => ({
  id: order.id,
  external_id: order.external_id,
  status: order.status,
  customer_name: order.contact?.name ?? null,
  address: order.delivery_address,
  pieces: order.items.reduce((sum, { quantity }) => sum + quantity, 0),
  total: order.total,
  window: order.window,
  shipment_id: order.shipment_id,
  shipment_status: order.shipment_status,
  is_picked_up: false,
  is_offered: false,
  promised_arrival_at: null,
  eta: null,
  driver: null,
  created_at: order.created_at,
  changed_at: order.updated_at,
  ended_at: isOver(order) ? order.updated_at : null
})
