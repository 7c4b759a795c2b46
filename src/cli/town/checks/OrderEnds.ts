import { isEnded, type ShipmentStatus, shipmentStatuses } from "../../../domain/Shipment.ts"
import type { Finding } from "../../fleet/Violation.ts"
import type { OrderFacts } from "../OrderFacts.ts"

const invariant = "every order is over or legally under way"

const isStatus = (value: string): value is ShipmentStatus => shipmentStatuses.some((status) => status === value)

/** The status that an order must have beside its shipment's. */
const orderStatusFor = (shipment: ShipmentStatus): string => {
  if (shipment === "delivered") return "fulfilled"
  return isEnded(shipment) ? "cancelled" : "confirmed"
}

const fault = ({ order, shipment }: OrderFacts): string | undefined => {
  if (shipment === undefined) {
    return order.status === "confirmed" || order.status === "fulfilled"
      ? `${order.status} without a shipment`
      : undefined
  }
  if (shipment.order_id !== order.id) return `its shipment belongs to ${shipment.order_id}`
  if (!isStatus(shipment.status)) return `its shipment is ${shipment.status}`
  const wanted = orderStatusFor(shipment.status)
  return order.status === wanted ? undefined : `${order.status}, and its shipment is ${shipment.status}`
}

/** Orders whose status does not go with their shipment's. */
export const orderEnds = (orders: ReadonlyArray<OrderFacts>): ReadonlyArray<Finding> =>
  orders.flatMap((facts) => {
    const seen = fault(facts)
    return seen === undefined ? [] : [{ invariant, id: facts.order.id, seen }]
  })
