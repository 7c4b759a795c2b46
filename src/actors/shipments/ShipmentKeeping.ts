import { Effect } from "effect"
import type { OrderCommand, OrderStatus } from "../../domain/Order.ts"
import type { ShipmentEvent } from "../../domain/ShipmentEvent.ts"
import { evolveShipment, type ShipmentState } from "../../domain/ShipmentState.ts"
import { type EventOrigin, type NewEvent, ShipmentEventRepo } from "../../persistence/shipments/ShipmentEventRepo.ts"
import { ShipmentRepo } from "../../persistence/shipments/ShipmentRepo.ts"
import { makeOrderMove } from "../orders/OrderMove.ts"
import { makeRunFollowing } from "../runs/RunFollowing.ts"

/** How an order follows its shipment's end. */
const orderCommandAfter = (state: ShipmentState): OrderCommand | undefined => {
  if (state.status === "delivered") return "fulfil"
  return state.status === "returned" || state.status === "cancelled" ? "cancel" : undefined
}

/**
 * The "keep" of orders and shipments: rows, log and what follows from them, in the caller's transaction, which holds the order's
 * row. The commit itself rings the doorbells of whoever is to be told (db/schema/50_fulfilment.sql).
 */
export const makeShipmentKeeping = Effect.gen(function* () {
  const shipments = yield* ShipmentRepo
  const log = yield* ShipmentEventRepo
  const moveOrder = yield* makeOrderMove
  const runs = yield* makeRunFollowing

  /** Keeps what a decision made of a shipment, and what follows for its order. */
  const keep = Effect.fnUntraced(function* (
    orderId: string,
    orderStatus: OrderStatus,
    shipmentId: string,
    before: ShipmentState,
    events: ReadonlyArray<ShipmentEvent>,
    origin: EventOrigin
  ) {
    const after = events.reduce((state, event) => evolveShipment(state, event) ?? state, before)
    const touched = new Set(
      events.flatMap(({ data }) => [
        ...("assignment_id" in data ? [data.assignment_id ?? ""] : []),
        ...("replaces" in data ? [data.replaces ?? ""] : [])
      ])
    )
    const run = yield* runs.hold(shipmentId, events)
    yield* shipments.keep(shipmentId, before, after, touched)
    for (const event of events)
      if (event.type === "shipment.rescheduled")
        yield* shipments.keepWindow(shipmentId, new Date(event.data.window_start), new Date(event.data.window_end))
    if (run !== undefined) yield* runs.follow(run, shipmentId, after)
    const follow = orderCommandAfter(after)
    const orderEvents =
      follow === undefined ? [] : yield* moveOrder(orderId, orderStatus, follow, `shipment ${after.status}`)
    const kept = events.map(
      (event, index): NewEvent => ({
        type: event.type,
        data: event.data,
        shipment: { shipmentId, version: before.version + index + 1 }
      })
    )
    yield* log.append(orderId, [...kept, ...orderEvents], origin)
    return after
  })

  return { append: log.append, moveOrder, keep }
})
