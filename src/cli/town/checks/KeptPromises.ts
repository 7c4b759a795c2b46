import type { Finding } from "../../fleet/Violation.ts"
import type { OrderFacts } from "../OrderFacts.ts"
import type { PlacedOrder } from "../PlacedOrder.ts"

const invariant = "what a customer was told is done stays done"
/** A request that was repeated under its Idempotency-Key must not have been done twice. */
const twice = "no order is there that nobody placed"

/** What of an order its customer goes by. */
export type AnsweredOrder = Pick<PlacedOrder, "orderId" | "total" | "isConfirmed" | "isCancelled">

const fault = (placed: AnsweredOrder, facts: OrderFacts | undefined): string | undefined => {
  if (facts === undefined) return "the order is gone"
  const { order } = facts
  if (order.total.amount !== placed.total.amount) return `it cost ${placed.total.amount}, and now ${order.total.amount}`
  if (placed.isCancelled && order.status !== "cancelled") return `it was cancelled, and is ${order.status}`
  if (placed.isConfirmed && (order.status === "draft" || order.status === "submitted"))
    return `it was confirmed, and is ${order.status}`
  return undefined
}

/** Orders that are not there, that nobody placed, or that are not as their customers were answered. */
export const keptPromises = (
  placed: ReadonlyArray<AnsweredOrder>,
  orders: ReadonlyArray<OrderFacts>
): ReadonlyArray<Finding> => {
  const byId = new Map(orders.map((facts) => [facts.order.id, facts]))
  const known = new Set(placed.map(({ orderId }) => orderId))
  const unknown = orders
    .filter(({ order }) => !known.has(order.id))
    .map(({ order }) => ({ invariant: twice, id: order.id, seen: `${order.status}, and nobody was told of it` }))
  const broken = placed.flatMap((each) => {
    const seen = fault(each, byId.get(each.orderId))
    return seen === undefined ? [] : [{ invariant, id: each.orderId, seen }]
  })
  return [...unknown, ...broken]
}
