import type { Money } from "../../../src/domain/Money.ts"

/** A span of time, RFC 3339. */
export interface TimeWindow {
  readonly start: string
  readonly end: string
}

/** An order as `GET /v1/board` lists it. Times are RFC 3339. */
export interface BoardOrder {
  readonly id: string
  readonly external_id: string | null
  readonly status: string
  readonly customer_name: string | null
  readonly address: { readonly line1: string; readonly city: string }
  readonly pieces: number
  readonly total: Money
  readonly window: TimeWindow | null
  readonly shipment_id: string | null
  readonly shipment_status: string | null
  readonly is_picked_up: boolean
  readonly is_offered: boolean
  readonly promised_arrival_at: string | null
  readonly eta: { readonly p50_at: string; readonly p90_at: string } | null
  readonly driver: { readonly id: string; readonly name: string } | null
  readonly created_at: string
  readonly changed_at: string
  readonly ended_at: string | null
}

/** What people call an order: the shop's number, or the end of its id. */
export const orderNumber = ({ id, external_id }: Pick<BoardOrder, "id" | "external_id">): string =>
  external_id ?? `…${id.slice(-6)}`

/** Where an order stands, in words. */
const statusWords: Readonly<Record<string, string>> = {
  draft: "Draft",
  submitted: "To be confirmed",
  created: "Waiting for a driver",
  dispatching: "Waiting for a driver",
  assigned: "Assigned",
  en_route_to_pickup: "To the pickup",
  at_pickup: "Collecting",
  picked_up: "Collected",
  en_route: "To the door",
  arrived: "At the door",
  delivered: "Delivered",
  failed: "Not delivered",
  returning: "Going back",
  returned: "Returned",
  cancelled: "Cancelled",
  fulfilled: "Delivered"
}

/** The words for a status of a shipment or an order. */
export const wordsOfStatus = (status: string): string => statusWords[status] ?? status.replaceAll("_", " ")

/** Where an order of the board stands. */
export const standingWords = (order: BoardOrder): string => {
  if (order.shipment_status === null || order.status === "cancelled") return wordsOfStatus(order.status)
  if (order.shipment_status !== "dispatching") return wordsOfStatus(order.shipment_status)
  if (order.is_picked_up) return "Collected, without a driver"
  return order.is_offered ? "Offered, no answer yet" : wordsOfStatus("dispatching")
}
