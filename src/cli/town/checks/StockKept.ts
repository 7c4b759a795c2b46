import { holdsStock, type OrderStatus, orderStatuses } from "../../../domain/Order.ts"
import type { Finding } from "../../fleet/Violation.ts"
import type { OrderFacts } from "../OrderFacts.ts"

const invariant = "stock is what was there, less what is held or delivered"

/** A product's stock before the first order and after the last. */
export interface StockCount {
  readonly productId: string
  readonly before: number
  readonly after: number
}

const isStatus = (value: string): value is OrderStatus => orderStatuses.some((status) => status === value)

/** Pieces of each product that orders hold or have delivered. */
const takenOf = (orders: ReadonlyArray<OrderFacts>): ReadonlyMap<string, number> => {
  const taken = new Map<string, number>()
  for (const { order } of orders) {
    if (!isStatus(order.status) || !holdsStock(order.status)) continue
    for (const { product_id, quantity } of order.items) taken.set(product_id, (taken.get(product_id) ?? 0) + quantity)
  }
  return taken
}

/** Products whose stock is not conserved. `orders` must be all that were ever placed for them. */
export const stockKept = (
  counts: ReadonlyArray<StockCount>,
  orders: ReadonlyArray<OrderFacts>
): ReadonlyArray<Finding> => {
  const taken = takenOf(orders)
  return counts.flatMap(({ productId, before, after }) => {
    const held = taken.get(productId) ?? 0
    if (after === before - held && after >= 0) return []
    return [{ invariant, id: productId, seen: `${before} at first, ${held} held or delivered, ${after} left` }]
  })
}
