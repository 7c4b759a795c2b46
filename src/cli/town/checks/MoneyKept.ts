import type { Payment } from "../../../client/PaymentsRest.ts"
import { isEnded, type ShipmentStatus, shipmentStatuses } from "../../../domain/Shipment.ts"
import type { Finding } from "../../fleet/Violation.ts"
import type { OrderFacts } from "../OrderFacts.ts"
import type { DeskMoney, ToldRefund } from "../TownLedger.ts"

const invariant = "what is settled and not refunded is what the order's end says"

const isOver = ({ order, shipment }: OrderFacts): boolean => {
  const status: ShipmentStatus | undefined = shipmentStatuses.find((each) => each === shipment?.status)
  return order.status === "cancelled" || (status !== undefined && isEnded(status))
}

/** Whether something is still to be done about an order's money that nobody has to ask for. */
export const isMoneyMoving = (facts: OrderFacts): boolean => {
  const { payment, order, refunds } = facts
  if (payment === undefined) return false
  if (payment.status === "pending" || refunds.some(({ status }) => status === "pending")) return true
  if (payment.status === "failed" || !isOver(facts)) return false
  return payment.status === "authorized" || (order.status === "cancelled" && refundable(payment) > 0)
}

const refundable = ({ settled, refunded }: Payment): number => settled.amount - refunded.amount

/**
 * Minor units that must be kept: for what was delivered its price less what the desk gave back, else nothing. Paid on delivery, refunded on
 * return. Undefined while the desk may have taken it early.
 */
const dueOf = (facts: OrderFacts, given: number, isCaptured: boolean): number | undefined => {
  const { order } = facts
  if (order.status === "fulfilled") return order.total.amount - given
  return isCaptured && !isOver(facts) ? undefined : 0
}

const fault = (facts: OrderFacts, desk: ReadonlyArray<ToldRefund>, isCaptured: boolean): string | undefined => {
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
  const lost = desk.find(
    ({ id, amount: told }) => !refunds.some((each) => each.id === id && each.amount.amount === told)
  )
  if (lost !== undefined) return `the refund ${lost.id} of ${lost.amount} is not there`
  const gone = desk.filter(({ id }) => refunds.some((each) => each.id === id && each.status !== "failed"))
  const due = dueOf(
    facts,
    gone.reduce((sum, each) => sum + each.amount, 0),
    isCaptured
  )
  if (due === undefined || settled - refunded === due) return undefined
  return `${settled - refunded} kept, ${due} due for a ${order.status} order`
}

/**
 * Orders whose money is not where their end says, by the settings `payments.capture` = on_delivery and `payments.returned` = refund, and by
 * what the desk took early and was told that it gave back.
 */
export const moneyKept = (
  orders: ReadonlyArray<OrderFacts>,
  desk: DeskMoney = { refunds: [], captured: new Set() }
): ReadonlyArray<Finding> => {
  const byOrder = Map.groupBy(desk.refunds, ({ orderId }) => orderId)
  return orders.flatMap((facts) => {
    const { id } = facts.order
    const seen = fault(facts, byOrder.get(id) ?? [], desk.captured.has(id))
    return seen === undefined ? [] : [{ invariant, id: facts.order.id, seen }]
  })
}

const unpaid = "whoever was told that it is paid has paid"

/** Orders that were delivered after their customer was told that it is paid, and whose payment failed or is not there. */
export const paidStays = (paid: ReadonlySet<string>, orders: ReadonlyArray<OrderFacts>): ReadonlyArray<Finding> =>
  orders
    .filter(({ order, payment }) => {
      const isKept = payment !== undefined && ["authorized", "settled", "refunded"].includes(payment.status)
      return paid.has(order.id) && order.status === "fulfilled" && !isKept
    })
    .map(({ order, payment }) => ({ invariant: unpaid, id: order.id, seen: `it is ${payment?.status ?? "gone"}` }))
