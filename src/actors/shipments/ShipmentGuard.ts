import { Clock, Duration, Effect, Metric } from "effect"
import type { Limits } from "../../config/Limits.ts"
import { Crashes } from "./Crashes.ts"
import { ShipmentUnavailable } from "./ShipmentUnavailable.ts"

const restarts = Metric.counter("dropmate_shipment_actor_restarts_total", {
  incremental: true,
  description: "Shipment actors that lost their state to a defect and read it again"
})
const parked = Metric.counter("dropmate_shipment_actor_parked_total", {
  incremental: true,
  description: "Shipment actors parked after repeated defects"
})

/**
 * Stands between a shipment's mailbox and its work: a defect costs its own command only, and makes the actor `forget` what it remembers; a
 * shipment that crashes again and again takes nothing for a while.
 */
export const makeShipmentGuard = (shipmentId: string, limits: Limits, forget: () => void) => {
  const { shipmentRestartsPerMinuteMax: restartsPerMinuteMax, shipmentParkedMs: parkedMs, shipmentRetryMs } = limits
  const crashes = new Crashes({ restartsPerMinuteMax, parkedMs })
  const unavailable = (reason: ShipmentUnavailable["reason"], retryAfterMs: number) =>
    new ShipmentUnavailable({ shipmentId, reason, retryAfterMs })

  const crash = Effect.fnUntraced(function* (defect: unknown) {
    forget()
    yield* Metric.update(restarts, 1)
    if (!crashes.note(yield* Clock.currentTimeMillis)) {
      yield* Effect.logError("shipment_actor_restarted", { shipment: shipmentId }, defect)
      return yield* unavailable("crashed", shipmentRetryMs)
    }
    yield* Metric.update(parked, 1)
    const rest = Duration.format(Duration.millis(parkedMs))
    yield* Effect.logError("shipment_actor_parked", { shipment: shipmentId, for: rest }, defect)
    return yield* unavailable("parked", parkedMs)
  })

  return <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E | ShipmentUnavailable, R> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      crashes.isParked(now) ? Effect.fail(unavailable("parked", parkedMs)) : Effect.catchDefect(work, crash)
    )
}
