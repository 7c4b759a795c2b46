import { Clock, Duration, Effect, Layer } from "effect"
import { Limits } from "../../config/Limits.ts"
import { systemActor } from "../../domain/Actor.ts"
import { systemScope } from "../../persistence/RowScope.ts"
import { OfferRepo } from "../../persistence/shipments/OfferRepo.ts"
import { Shipments } from "../shipments/Shipments.ts"

/**
 * Ends offers whose time is over: one sweep for all, on every node, from what is committed, so that it goes on after a restart. It sleeps
 * until the next offer's time, and looks at least every `offerSweepMs` for offers that other nodes made. Two nodes that end the same
 * offers queue in the shipment's mailbox; the second finds nothing to do (ADR 0111).
 */
export const OfferExpiry = Layer.effectDiscard(
  Effect.gen(function* () {
    const limits = yield* Limits
    const offers = yield* OfferRepo
    const shipments = yield* Shipments

    const expire = (shipmentId: string, nowMs: number) => {
      const origin = { actor: systemActor, cause: "offer expiry", occurredAt: new Date(nowMs) }
      return shipments
        .command(shipmentId, { _tag: "ExpireOffers", nowMs }, { origin, scope: systemScope })
        .pipe(Effect.catch((error) => Effect.logDebug("offer_not_expired", { shipmentId, error })))
    }

    const sweep = Effect.gen(function* () {
      const nowMs = yield* Clock.currentTimeMillis
      const due = yield* offers.due(new Date(nowMs), limits.offersSweptMax)
      yield* Effect.forEach(due, (shipmentId) => expire(shipmentId, nowMs), { discard: true })
      const next = yield* offers.nextDue
      const waitMs = next === undefined ? limits.offerSweepMs : next.getTime() - (yield* Clock.currentTimeMillis)
      // Not at once when it is over already: what could not be ended now is tried again a moment later.
      return Math.min(limits.offerSweepMs, Math.max(waitMs, soonMs))
    }).pipe(
      Effect.catch((error) => Effect.as(Effect.logDebug("offers_not_swept", error), limits.offerSweepMs)),
      Effect.flatMap((waitMs) => Effect.sleep(Duration.millis(waitMs)))
    )
    yield* sweep.pipe(Effect.forever, Effect.forkScoped)
  })
)

const soonMs = 50
