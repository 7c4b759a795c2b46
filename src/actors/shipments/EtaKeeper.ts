import { Clock, Duration, Effect, Layer, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { Limits } from "../../config/Limits.ts"
import { systemActor } from "../../domain/Actor.ts"
import { isWorthKeeping } from "../../domain/Eta.ts"
import { OrderRepo } from "../../persistence/orders/OrderRepo.ts"
import { inRowScope, systemScope } from "../../persistence/RowScope.ts"
import { ShipmentEventRepo } from "../../persistence/shipments/ShipmentEventRepo.ts"
import { ShipmentRepo } from "../../persistence/shipments/ShipmentRepo.ts"
import { OrderHub, type ToldEstimate } from "../../realtime/OrderHub.ts"

/**
 * Commits what watchers were told of an arrival: the first estimate of a drive, then one that has moved far, seldom; each with an
 * `eta.changed` in the order's log. Several nodes may have watchers of one order: the shipment's row decides under the order's
 * lock who is first, and the others keep nothing (ADR 0076).
 */
export const EtaKeeper = Layer.effectDiscard(
  Effect.gen(function* () {
    const limits = yield* Limits
    const sql = yield* SqlClient.SqlClient
    const hub = yield* OrderHub
    const orders = yield* OrderRepo
    const shipments = yield* ShipmentRepo
    const log = yield* ShipmentEventRepo

    const keep = Effect.fnUntraced(function* (orderId: string, shipmentId: string, { eta }: ToldEstimate) {
      yield* orders.lock(orderId)
      if (!(yield* shipments.keepEstimate(shipmentId, eta, yield* Clock.currentTimeMillis, limits))) return
      const { p50At, p90At, computedAt, source } = eta
      const data = { p50_at: p50At, p90_at: p90At, computed_at: computedAt, source }
      const event = { type: "eta.changed" as const, data }
      yield* log.append(orderId, [event], {
        actor: systemActor,
        cause: "estimate",
        occurredAt: new Date(computedAt)
      })
    })

    const keepTold = Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
      Effect.forEach(
        [...hub.estimates()].filter(
          ({ order, eta }) => eta.source === "position" && isWorthKeeping(order.keptEta, eta, nowMs, limits)
        ),
        (told) => {
          const { orderId, shipmentId } = told.order
          if (shipmentId === undefined) return Effect.void
          return inRowScope(systemScope, keep(orderId, shipmentId, told)).pipe(
            Effect.provideService(SqlClient.SqlClient, sql),
            Effect.catch((error) => Effect.logDebug("estimate_not_kept", { orderId, error }))
          )
        },
        { discard: true }
      )
    )
    yield* keepTold.pipe(Effect.repeat(Schedule.spaced(Duration.millis(limits.etaKeepEveryMs))), Effect.forkScoped)
  })
)
