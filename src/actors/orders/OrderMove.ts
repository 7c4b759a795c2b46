import { Effect } from "effect"
import { systemActor } from "../../domain/Actor.ts"
import { decideOrder, holdsStock, type OrderCommand, type OrderStatus } from "../../domain/Order.ts"
import { OrderRepo } from "../../persistence/orders/OrderRepo.ts"
import { ProductRepo } from "../../persistence/orders/ProductRepo.ts"
import type { NewEvent } from "../../persistence/shipments/ShipmentEventRepo.ts"

/** Ends orders: what follows for an order from its shipment, and what a cancellation does to stock. */
export const makeOrderMove = Effect.gen(function* () {
  const orders = yield* OrderRepo
  const products = yield* ProductRepo

  /** Moves an order and gives its stock back when it ends without being delivered. Answers the events to append. */
  return Effect.fnUntraced(function* (
    orderId: string,
    status: OrderStatus,
    command: OrderCommand,
    reason: string | undefined
  ) {
    const decision = decideOrder(status, command, systemActor.kind)
    if (decision._tag === "Refused" || decision.events.length === 0) return []
    if (command === "cancel") {
      yield* orders.setStatus(orderId, "cancelled")
      if (holdsStock(status)) yield* products.release(yield* orders.quantities(orderId))
    } else yield* orders.setStatus(orderId, "fulfilled")
    const data = reason === undefined ? {} : { reason }
    return decision.events.map((type): NewEvent => ({ type, data }))
  })
})
