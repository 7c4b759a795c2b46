import { Effect } from "effect"
import { decideOrder } from "../../domain/Order.ts"
import { requiredProofs } from "../../domain/Proof.ts"
import type { ShipmentEvent } from "../../domain/ShipmentEvent.ts"
import { foldShipment } from "../../domain/ShipmentState.ts"
import { newId } from "../../persistence/NewId.ts"
import { OrderRepo, type OrderRow } from "../../persistence/orders/OrderRepo.ts"
import { RowAbsent } from "../../persistence/RowAbsent.ts"
import { SettingRepo } from "../../persistence/SettingRepo.ts"
import type { EventOrigin } from "../../persistence/shipments/ShipmentEventRepo.ts"
import { ShipmentRepo } from "../../persistence/shipments/ShipmentRepo.ts"
import type { NewStop } from "../../persistence/shipments/ShipmentWrites.ts"
import { refusal } from "../CommandRefused.ts"
import { makeShipmentKeeping } from "./ShipmentKeeping.ts"

/** Confirms orders: the one way in which a shipment begins. In the caller's transaction. */
export const makeShipmentBeginning = Effect.gen(function* () {
  const orders = yield* OrderRepo
  const shipments = yield* ShipmentRepo
  const settings = yield* SettingRepo
  const keeping = yield* makeShipmentKeeping

  const begin = Effect.fnUntraced(function* (order: OrderRow, origin: EventOrigin) {
    const shipmentId = yield* newId
    const stops = yield* stopsOf(
      order,
      order.delivery_requirements ?? shopRequirements(yield* settings.get(requirementsKey))
    )
    const created: ShipmentEvent = {
      type: "shipment.created",
      data: { stops: stops.map(({ id, type, position }) => ({ stop_id: id, type, position })) }
    }
    const isManual = (yield* settings.get("dispatch.mode")) === "manual"
    const events: ReadonlyArray<ShipmentEvent> = isManual
      ? [created]
      : [created, { type: "shipment.dispatching", data: {} }]
    const state = foldShipment(events)
    if (state === undefined) return yield* Effect.die("a shipment's log begins with shipment.created")
    yield* shipments.insert(shipmentId, order.id, state, stops, order.window_end ?? undefined)
    const numbered = events.map(({ type, data }, index) => ({
      type,
      data,
      shipment: { shipmentId, version: index + 1 }
    }))
    yield* keeping.append(order.id, [{ type: "order.confirmed", data: {} }, ...numbered], origin)
    return shipmentId
  })

  const confirm = Effect.fnUntraced(function* (orderId: string, origin: EventOrigin) {
    const { status } = yield* orders.lock(orderId)
    const decision = decideOrder(status, "confirm", origin.actor.kind)
    if (decision._tag === "Refused") return yield* refusal(decision)
    if (decision.events.length > 0) {
      yield* orders.setStatus(orderId, "confirmed")
      return yield* begin(yield* orders.get(orderId), origin)
    }
    const shipmentId = yield* shipments.idOfOrder(orderId)
    return shipmentId ?? (yield* new RowAbsent({ kind: "shipment", id: orderId }))
  })

  return { confirm }
})

const requirementsKey = "delivery.requirements"

/** The shop's own rule; what is no type of a proof is not one. */
const shopRequirements = (value: unknown): ReadonlyArray<string> => (Array.isArray(value) ? requiredProofs(value) : [])

const addressLine = (order: OrderRow): string => {
  const { line1, line2, postal_code, city, country } = order.address
  return [line1, line2, [postal_code, city].filter((part) => part !== null).join(" "), country]
    .filter((part) => part !== null && part !== "")
    .join(", ")
}

/** Pickup before drop-off; without a pickup place the parcel is with the driver's depot, and there is only the drop-off. */
const stopsOf = (order: OrderRow, requirements: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<NewStop>> =>
  Effect.gen(function* () {
    const window =
      order.window_start === null || order.window_end === null
        ? undefined
        : { start: order.window_start, end: order.window_end }
    const { pickup_lat: lat, pickup_lng: lng, pickup_line1: line1 } = order
    const pickup: ReadonlyArray<NewStop> =
      lat === null || lng === null
        ? []
        : [
            {
              id: yield* newId,
              type: "pickup",
              position: 1,
              lat,
              lng,
              address: line1,
              window: undefined,
              requirements: []
            }
          ]
    const dropoff: NewStop = {
      id: yield* newId,
      type: "dropoff",
      position: pickup.length + 1,
      lat: order.address.lat,
      lng: order.address.lng,
      address: addressLine(order),
      window,
      requirements
    }
    return [...pickup, dropoff]
  })
