import type { DeliveryRest } from "../../client/DeliveryRest.ts"
import type { Payment } from "../../client/PaymentsRest.ts"
import { Problem } from "../../client/Problem.ts"
import { pause } from "../fleet/ClientFleet.ts"
import type { Customer } from "./Customer.ts"
import type { OrderPlan } from "./OrderPlan.ts"
import { PlacedOrder } from "./PlacedOrder.ts"
import type { Scenes } from "./Scenes.ts"
import type { TownClock } from "./TownClock.ts"
import type { TownLedger } from "./TownLedger.ts"
import type { Watching } from "./Watching.ts"

/** What a customer needs to live through an order. */
export interface CustomerLifeParts {
  /** The customer's own requests; a guest's are the shop's. */
  readonly customer: Customer
  /** Confirms what is not paid beforehand. */
  readonly shop: DeliveryRest
  readonly clock: TownClock
  readonly ledger: TownLedger
  readonly watching: Watching
  readonly scenes: Scenes
  /** Closes the pages. */
  readonly pages: AbortSignal
  readonly signal: AbortSignal
}

/** Lives through one order: places it, has it confirmed, watches it, and perhaps wants it no more. */
export const liveThrough = async (plan: OrderPlan, parts: CustomerLifeParts): Promise<void> => {
  const { customer, ledger, watching, scenes, pages } = parts
  const order = await customer.orders.placeOrder(plan.request)
  const placed = new PlacedOrder(order, plan, customer, scenes.reached)
  ledger.orders.set(order.id, placed)
  if (plan.isWatched)
    watching.begin(customer.orders, order.id, pages, (pin) => {
      placed.pin = pin
    })
  if (!plan.request.submit && !(await submit(plan, placed, parts))) return
  placed.reach("submitted")
  if (placed.awaits("submitted")) return
  // A customer may cancel while they pay, or while the shop confirms: whoever is second is told so.
  await Promise.all([
    plan.pays === undefined ? confirm(plan, placed, parts) : pay(plan.pays, plan, placed, parts),
    cancel(plan, placed, parts)
  ])
  if (placed.isConfirmed) placed.reach("dispatching")
}

/** False when it stays a draft. */
const submit = async (plan: OrderPlan, placed: PlacedOrder, parts: CustomerLifeParts): Promise<boolean> => {
  placed.reach("draft")
  if (placed.awaits("draft")) return false
  await parts.clock.wait(plan.hesitatesS, parts.signal)
  return (await unlessTooLate(() => parts.customer.orders.submitOrder(placed.orderId))) !== undefined
}

const confirm = async (plan: OrderPlan, placed: PlacedOrder, parts: CustomerLifeParts): Promise<void> => {
  await parts.clock.wait(plan.hesitatesS, parts.signal)
  const order = await unlessTooLate(() => parts.shop.confirmOrder(placed.orderId))
  placed.isConfirmed = order?.shipment_id !== undefined
}

const cancel = async (plan: OrderPlan, placed: PlacedOrder, parts: CustomerLifeParts): Promise<void> => {
  if (plan.cancelsAfterS === undefined) return
  await parts.clock.wait(plan.cancelsAfterS, parts.signal)
  const order = await unlessTooLate(() => parts.customer.orders.cancelOrder(placed.orderId))
  if (order === undefined) parts.ledger.cancellationsRefused++
  else placed.isCancelled = true
}

const pay = async (
  tokens: ReadonlyArray<string>,
  plan: OrderPlan,
  placed: PlacedOrder,
  parts: CustomerLifeParts
): Promise<void> => {
  const { customer, clock, ledger, scenes, signal } = parts
  const { orderId } = placed
  await clock.wait(plan.hesitatesS, signal)
  for (const token of tokens) {
    const payment = await found(await unlessTooLate(() => customer.payments.payBySandbox(orderId, token)), parts)
    if (payment === undefined) return
    if (payment.status === "authorized" || payment.status === "settled") {
      ledger.paid.add(orderId)
      placed.isConfirmed = true
      await scenes.paid(placed)
      return
    }
    ledger.paymentsDeclined++
  }
}

const inquiresEveryMs = 500

/** What became of a payment; while the processor has not answered it is asked for again and again. */
const found = async (
  payment: Payment | undefined,
  { customer, signal }: CustomerLifeParts
): Promise<Payment | undefined> => {
  let latest = payment
  while (latest?.status === "pending") {
    await pause(inquiresEveryMs, signal)
    latest = await customer.payments.payment(latest.order_id)
  }
  return latest
}

/** Undefined when it is refused because of how far the order is. */
const unlessTooLate = async <A>(ask: () => Promise<A>): Promise<A | undefined> => {
  try {
    return await ask()
  } catch (cause) {
    if (cause instanceof Problem && cause.code === "illegal_transition") return undefined
    throw cause
  }
}
