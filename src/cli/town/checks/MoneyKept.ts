import { isEnded, type ShipmentStatus, shipmentStatuses } from "../../../domain/Shipment.ts"
import type { Finding } from "../../fleet/Violation.ts"
import type { OrderFacts } from "../OrderFacts.ts"

const invariant = "what is settled and not refunded is what the order's end says"

const isOver = ({ order, shipment }: OrderFacts): boolean => {
  const status: ShipmentStatus | undefined = shipmentStatuses.find((each) => each === shipment?.status)
  return order.status === "cancelled" || (status !== undefined && isEnded(status))
}

/** Minor units that must be kept: the price of what was delivered, nothing for anything else. Paid on delivery, refunded on return. */
const dueOf = ({ order }: OrderFacts): number => (order.status === "fulfilled" ? order.total.amount : 0)

/** Whether something is still to be done about an order's money that nobody has to ask for. */
export const isMoneyMoving = (facts: OrderFacts): boolean => {
  const { payment, order } = facts
  if (payment === undefined) return false
  if (payment.status === "pending") return true
  if (!isOver(facts) || payment.status === "failed") return false
  return payment.status === "authorized" || payment.settled.amount - payment.refunded.amount !== dueOf(facts)
    ? order.status === "fulfilled" || order.status === "cancelled"
    : facts.refunds.some(({ status }) => status === "pending")
}

const fault = (facts: OrderFacts): string | undefined => {
  const { order, payment, refunds } = facts
  if (payment === undefined) return refunds.length === 0 ? undefined : "refunds without a payment"
  const [amount, settled, refunded] = [payment.amount.amount, payment.settled.amount, payment.refunded.amount]
  if (amount !== order.total.amount) return `${amount} to pay for an order of ${order.total.amount}`
  if (settled < 0 || settled > amount || refunded < 0 || refunded > settled)
    return `${settled} settled and ${refunded} refunded of ${amount}`
  const given = refunds.filter(({ status }) => status !== "failed").reduce((sum, each) => sum + each.amount.amount, 0)
  if (given !== refunded) return `refunds of ${given}, and the payment says ${refunded}`
  if (order.status === "submitted" && (payment.status === "authorized" || payment.status === "settled"))
    return `${payment.status}, and the order is not confirmed`
  // Paid at the door after all, or never: a payment that failed has moved nothing.
  if (payment.status === "failed") return settled === refunded ? undefined : `failed with ${settled - refunded} kept`
  if (isOver(facts) && (payment.status === "pending" || payment.status === "authorized"))
    return `still ${payment.status} when the order was ${order.status}`
  const due = dueOf(facts)
  return settled - refunded === due ? undefined : `${settled - refunded} kept, ${due} due for a ${order.status} order`
}

/** Orders whose money is not where their end says, by the settings `payments.capture` = on_delivery and `payments.returned` = refund. */
export const moneyKept = (orders: ReadonlyArray<OrderFacts>): ReadonlyArray<Finding> =>
  orders.flatMap((facts) => {
    const seen = fault(facts)
    return seen === undefined ? [] : [{ invariant, id: facts.order.id, seen }]
  })

const unpaid = "whoever was told that it is paid has paid"

/** Orders that were delivered after their customer was told that it is paid, and whose payment failed or is not there. */
export const paidStays = (paid: ReadonlySet<string>, orders: ReadonlyArray<OrderFacts>): ReadonlyArray<Finding> =>
  orders
    .filter(({ order, payment }) => {
      const isKept = payment?.status === "settled" || payment?.status === "authorized"
      return paid.has(order.id) && order.status === "fulfilled" && !isKept
    })
    .map(({ order, payment }) => ({ invariant: unpaid, id: order.id, seen: `it is ${payment?.status ?? "gone"}` }))
