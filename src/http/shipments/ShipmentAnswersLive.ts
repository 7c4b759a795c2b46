import { Effect, Layer } from "effect"
import { ShipmentAnswers } from "../../actors/shipments/ShipmentAnswers.ts"
import { OrderRepo } from "../../persistence/orders/OrderRepo.ts"
import { RowAbsent } from "../../persistence/RowAbsent.ts"
import { OfferRepo } from "../../persistence/shipments/OfferRepo.ts"
import { ShipmentRepo } from "../../persistence/shipments/ShipmentRepo.ts"
import { encodeAnswer } from "../Idempotency.ts"
import { Order } from "../orders/OrdersApi.ts"
import { showOrder } from "../orders/ShownOrder.ts"
import { OpenOffers, showOffer } from "./OfferField.ts"
import { Assignment, Shipment } from "./ShipmentsApi.ts"
import { showAssignment, showShipment } from "./ShownShipment.ts"

/** The answers of REST to what shipments are asked: rows as they stand in the caller's transaction. */
export const ShipmentAnswersLive = Layer.effect(
  ShipmentAnswers,
  Effect.gen(function* () {
    const orders = yield* OrderRepo
    const shipments = yield* ShipmentRepo
    const offers = yield* OfferRepo
    return {
      word: Effect.fnUntraced(function* (kind, { orderId, shipmentId, assignmentId }) {
        switch (kind) {
          case "order":
            return yield* encodeAnswer({ status: 200, success: Order }, showOrder(yield* orders.get(orderId)))
          case "shipment":
            return yield* encodeAnswer(
              { status: 200, success: Shipment },
              showShipment(yield* shipments.get(shipmentId))
            )
          case "offers": {
            const asked = yield* offers.askedFor(shipmentId)
            const open = asked.filter((row) => row.status === "pending")
            return yield* encodeAnswer({ status: 202, success: OpenOffers }, { offers: open.map(showOffer) })
          }
          case "assignment": {
            if (assignmentId === undefined) return yield* new RowAbsent({ kind: "assignment", id: shipmentId })
            const row = yield* shipments.assignment(assignmentId)
            return yield* encodeAnswer({ status: 200, success: Assignment }, showAssignment(row))
          }
        }
      })
    }
  })
).pipe(Layer.provide(Layer.mergeAll(OfferRepo.layer, OrderRepo.layer, ShipmentRepo.layer)))
