import type { DeliveryRest, Order } from "../../client/DeliveryRest.ts"
import { Problem } from "../../client/Problem.ts"
import type { OrderPlan } from "./OrderPlan.ts"
import type { PlacedOrder } from "./PlacedOrder.ts"
import type { TownClock } from "./TownClock.ts"
import type { TownLedger } from "./TownLedger.ts"
import type { Watching } from "./Watching.ts"

/** What a customer needs to live through an order. */
export interface CustomerLifeParts {
  /** The customer's own requests; a guest's are the shop's. */
  readonly rest: DeliveryRest
  /** Confirms. */
  readonly shop: DeliveryRest
  readonly clock: TownClock
  readonly ledger: TownLedger
  readonly watching: Watching
  /** Closes the pages. */
  readonly pages: AbortSignal
  readonly signal: AbortSignal
}

/** Lives through one order: places it, has it confirmed, watches it, and perhaps wants it no more. */
export const liveThrough = async (plan: OrderPlan, parts: CustomerLifeParts): Promise<void> => {
  const { rest, ledger, watching, pages } = parts
  const order = await rest.placeOrder(plan.request)
  const placed: PlacedOrder = {
    orderId: order.id,
    total: order.total,
    pickup: plan.pickup,
    isConfirmed: false,
    isCancelled: false
  }
  ledger.orders.set(order.id, placed)
  if (plan.isWatched) watching.begin(rest, order.id, pages)
  // A customer may cancel while the shop confirms: whoever is second is told so.
  await Promise.all([confirm(plan, placed, parts), cancel(plan, placed, parts)])
}

const confirm = async (plan: OrderPlan, placed: PlacedOrder, parts: CustomerLifeParts): Promise<void> => {
  await parts.clock.wait(plan.hesitatesS, parts.signal)
  const order = await unlessTooLate(() => parts.shop.confirmOrder(placed.orderId))
  placed.isConfirmed = order?.shipment_id !== undefined
}

const cancel = async (plan: OrderPlan, placed: PlacedOrder, parts: CustomerLifeParts): Promise<void> => {
  if (plan.cancelsAfterS === undefined) return
  await parts.clock.wait(plan.cancelsAfterS, parts.signal)
  const order = await unlessTooLate(() => parts.rest.cancelOrder(placed.orderId))
  if (order === undefined) parts.ledger.cancellationsRefused++
  else placed.isCancelled = true
}

/** Undefined when it is refused because of how far the order is. */
const unlessTooLate = async (ask: () => Promise<Order>): Promise<Order | undefined> => {
  try {
    return await ask()
  } catch (cause) {
    if (cause instanceof Problem && cause.code === "illegal_transition") return undefined
    throw cause
  }
}
