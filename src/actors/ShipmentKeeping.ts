import { Effect } from "effect"
import type { OrderCommand, OrderStatus } from "../domain/Order.ts"
import type { ShipmentEvent } from "../domain/ShipmentEvent.ts"
import { evolveShipment, type ShipmentState } from "../domain/ShipmentState.ts"
import { type EventOrigin, type NewEvent, ShipmentEventRepo } from "../persistence/ShipmentEventRepo.ts"
import { ShipmentRepo } from "../persistence/ShipmentRepo.ts"
import { makeOrderMove } from "./OrderMove.ts"
import { Telling, type Told } from "./Told.ts"

/** How an order follows its shipment's end. */
const orderCommandAfter = (state: ShipmentState): OrderCommand | undefined => {
  if (state.status === "delivered") return "fulfil"
  return state.status === "returned" || state.status === "cancelled" ? "cancel" : undefined
}

/** Which drivers an event of a state concerns. */
const driversOf = (event: ShipmentEvent, after: ShipmentState): ReadonlyArray<string> => {
  const ids = new Set([
    "assignment_id" in event.data ? event.data.assignment_id : undefined,
    "replaces" in event.data ? event.data.replaces : undefined
  ])
  return after.assignments.flatMap(({ assignmentId, driverId }) =>
    ids.has(assignmentId) && driverId !== "" ? [driverId] : []
  )
}

/**
 * The "keep" of orders and shipments: rows, log and what follows from them, in the caller's transaction, which holds the order's
 * row. Notes what is to be told once that transaction has committed.
 */
export const makeShipmentKeeping = Effect.gen(function* () {
  const shipments = yield* ShipmentRepo
  const log = yield* ShipmentEventRepo
  const telling = yield* Telling
  const moveOrder = yield* makeOrderMove

  /** Appends events and notes them. `driverIds` answers whom the i-th one concerns. */
  const append = Effect.fnUntraced(function* (
    orderId: string,
    events: ReadonlyArray<NewEvent>,
    origin: EventOrigin,
    driverIds: (index: number) => ReadonlyArray<string> = () => []
  ) {
    const last = yield* log.append(orderId, events, origin)
    yield* telling.note(
      events.map(
        ({ type, data, shipment }, index): Told => ({
          orderId,
          shipmentId: shipment?.shipmentId,
          driverIds: driverIds(index),
          type,
          offset: last - events.length + index + 1,
          occurredAtMs: origin.occurredAt.getTime(),
          data: { ...data }
        })
      )
    )
  })

  /** Keeps what a decision made of a shipment, and what follows for its order. */
  const keep = Effect.fnUntraced(function* (
    orderId: string,
    orderStatus: OrderStatus,
    shipmentId: string,
    before: ShipmentState,
    events: ReadonlyArray<ShipmentEvent>,
    origin: EventOrigin
  ) {
    const states: Array<ShipmentState> = []
    let after = before
    for (const event of events) {
      after = evolveShipment(after, event) ?? after
      states.push(after)
    }
    const touched = new Set(
      events.flatMap((event) => ("assignment_id" in event.data ? [event.data.assignment_id ?? ""] : []))
    )
    yield* shipments.keep(shipmentId, before, after, touched)
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
    yield* append(orderId, [...kept, ...orderEvents], origin, (index) => {
      const event = events[index]
      return event === undefined ? [] : driversOf(event, states[index] ?? after)
    })
    return after
  })

  return { append, moveOrder, keep }
})
