import { Clock, Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { newIds } from "../../persistence/NewId.ts"
import { inRowScope } from "../../persistence/RowScope.ts"
import { ShipmentRepo } from "../../persistence/shipments/ShipmentRepo.ts"
import type { DriverNotAssignable, TooManyOffers } from "../CommandRefused.ts"
import { type ShipmentAnswered, type ShipmentAsker, type ShipmentFailure, Shipments } from "../shipments/Shipments.ts"
import { makeOfferCandidates } from "./OfferCandidates.ts"
import { makeOfferTtl } from "./OfferTtl.ts"

/** Whom to ask; without `driverIds` the nearest who have time. */
export interface OfferRequest {
  readonly driverIds: ReadonlyArray<string> | undefined
  /** Seconds to answer. */
  readonly ttlS: number | undefined
}

/**
 * Offers: a shipment is shown to some drivers, and the first who accepts has it. An offer is a pending row of its driver's; what is asked
 * and answered are commands of the shipment, so its lock decides who is first (ADR 0110).
 *
 * Tricky interleavings
 * - Fifty drivers accept at once, on several nodes: they queue in the shipment's mailbox; whoever comes second finds their own offer expired.
 *   Test: test/promises/P08-one-driver-wins.test.ts.
 * - A driver accepts while the sweep ends the offer: one of both is first, by the server's clock alone.
 * - Two shipments are offered to a driver at once who may have one more: the second request waits for the first one's commit, and is refused.
 */
export class Offers extends Context.Service<
  Offers,
  {
    /** Offers a shipment. Whoever was asked already and may still answer is not asked again. */
    readonly offer: (
      shipmentId: string,
      request: OfferRequest,
      by: ShipmentAsker
    ) => Effect.Effect<ShipmentAnswered, ShipmentFailure | DriverNotAssignable | TooManyOffers>
  }
>()("dropmate/actors/offers/Offers") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const rows = yield* ShipmentRepo
      const shipments = yield* Shipments
      const candidates = yield* makeOfferCandidates
      const ttlMs = yield* makeOfferTtl

      const whom = Effect.fnUntraced(function* (shipmentId: string, request: OfferRequest) {
        const state = yield* rows.load(shipmentId)
        const isWaiting = state.status === "created" || state.status === "dispatching"
        const nearest = isWaiting ? candidates.nearest(shipmentId, state) : Effect.succeed([])
        return { driverIds: request.driverIds ?? (yield* nearest), lastsMs: yield* ttlMs(request.ttlS) }
      })

      return {
        offer: Effect.fn("Offers.offer")(function* (shipmentId, request, by) {
          const { driverIds, lastsMs } = yield* inRowScope(by.scope, whom(shipmentId, request), "each_time").pipe(
            Effect.provideService(SqlClient.SqlClient, sql)
          )
          const assignmentIds = yield* newIds(driverIds.length)
          const offers = driverIds.map((driverId, index) => ({ driverId, assignmentId: assignmentIds[index] ?? "" }))
          const nowMs = yield* Clock.currentTimeMillis
          return yield* shipments.offer(shipmentId, { offers, nowMs, expiresAtMs: nowMs + lastsMs }, by)
        })
      }
    })
  )
}
