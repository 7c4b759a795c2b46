import { Data, Effect } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { decideOrder } from "../../domain/Order.ts"
import type { Answer } from "../../persistence/IdempotencyRepo.ts"
import { OrderRepo } from "../../persistence/orders/OrderRepo.ts"
import type { RowAbsent } from "../../persistence/RowAbsent.ts"
import { inRowScope, type RowScope } from "../../persistence/RowScope.ts"
import type { EventOrigin } from "../../persistence/shipments/ShipmentEventRepo.ts"
import { ShipmentRepo } from "../../persistence/shipments/ShipmentRepo.ts"
import { refusal } from "../CommandRefused.ts"
import { type KeyedAnswer, makeKeyedAnswers } from "../shipments/KeyedAnswers.ts"
import { makeShipmentKeeping } from "../shipments/ShipmentKeeping.ts"
import { type ShipmentAsker, type ShipmentFailure, Shipments } from "../shipments/Shipments.ts"

/** The order has a shipment, whose actor it is to ask. */
class ShipmentBegun extends Data.TaggedError("ShipmentBegun") {}

/** Cancels orders: by their shipment when there is one, whose actor has its own transaction, else directly. */
export const makeOrderCancellation = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const orders = yield* OrderRepo
  const rows = yield* ShipmentRepo
  const shipments = yield* Shipments
  const keyed = yield* makeKeyedAnswers
  const keeping = yield* makeShipmentKeeping
  const inScope = <A, E>(scope: RowScope, effect: Effect.Effect<A, E, SqlClient.SqlClient>) =>
    Effect.provideService(inRowScope(scope, effect), SqlClient.SqlClient, sql)

  const cancelUnshipped = Effect.fnUntraced(function* (
    orderId: string,
    reason: string | undefined,
    origin: EventOrigin
  ) {
    const { status } = yield* orders.lock(orderId)
    // Confirmed since it was looked at: then the shipment decides.
    if ((yield* rows.idOfOrder(orderId)) !== undefined) return yield* new ShipmentBegun()
    const decision = decideOrder(status, "cancel", origin.actor.kind)
    if (decision._tag === "Refused") return yield* refusal(decision)
    if (decision.events.length === 0) return
    yield* keeping.append(orderId, yield* keeping.moveOrder(orderId, status, "cancel", reason), origin)
  })

  const cancel = (
    orderId: string,
    reason: string | undefined,
    by: ShipmentAsker,
    word: Effect.Effect<Answer, RowAbsent | SqlError.SqlError>
  ): Effect.Effect<KeyedAnswer, ShipmentFailure> =>
    Effect.gen(function* () {
      const shipmentId = yield* inScope(by.scope, rows.idOfOrder(orderId))
      // The shipment's cancellation takes the order with it.
      if (shipmentId !== undefined) return yield* shipments.cancel(shipmentId, reason, by)
      const change = Effect.andThen(cancelUnshipped(orderId, reason, by.origin), word)
      return yield* inScope(by.scope, keyed(by.key, change))
    }).pipe(Effect.catchTag("ShipmentBegun", () => cancel(orderId, reason, by, word)))

  return Effect.fn("Orders.cancel")(cancel)
})
