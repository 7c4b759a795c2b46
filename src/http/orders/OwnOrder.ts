import { Effect } from "effect"
import { isPermitted } from "../../identity/Principal.ts"
import type { OrderRepo } from "../../persistence/orders/OrderRepo.ts"
import { RowAbsent } from "../../persistence/RowAbsent.ts"
import { CurrentPrincipal } from "../Authenticated.ts"

/** Lets pass who may know of an order: its customer, and staff. Anybody else is told that there is none. */
export const knownOrder = (orders: OrderRepo["Service"], orderId: string) =>
  Effect.gen(function* () {
    const principal = yield* CurrentPrincipal
    const customerId = yield* orders.customerIdOf(orderId)
    if (isPermitted(principal, "orders.read")) return customerId
    if (customerId !== undefined && customerId === principal.customerId) return customerId
    return yield* new RowAbsent({ kind: "order", id: orderId })
  })
