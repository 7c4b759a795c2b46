import { Clock, Effect, type Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Limits } from "../../config/Limits.ts"
import { DeliveryPins } from "../../identity/DeliveryPins.ts"
import { MarkerRepo } from "../../persistence/drivers/MarkerRepo.ts"
import { TrackingRepo } from "../../persistence/tracking/TrackingRepo.ts"
import { CloseCode } from "../../protocol/CloseCode.ts"
import { OrderChannel } from "../../realtime/OrderChannel.ts"
import { TrackGate } from "../../realtime/TrackGate.ts"
import { Api } from "../Api.ts"
import { Problem } from "../Problem.ts"
import type { ProblemCode } from "../ProblemCode.ts"

const problemOf: Partial<Record<CloseCode, ProblemCode>> = {
  [CloseCode.trackingExpired]: "tracking_expired",
  [CloseCode.trackingRevoked]: "tracking_revoked",
  [CloseCode.databaseUnavailable]: "database_unavailable"
}

/** Handlers of TrackingApi: the same state, decided by the same stage, as the stream's. */
export const TrackingHttp = HttpApiBuilder.group(
  Api,
  "tracking",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const gate = yield* TrackGate
    const tracking = yield* TrackingRepo
    const markers = yield* MarkerRepo
    const pins = yield* DeliveryPins

    return handlers.handleAll({
      snapshot: Effect.fn("TrackingHttp.snapshot")(function* ({ request }) {
        const token = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1]
        if (token === undefined) return yield* new Problem({ code: "token_missing" })
        const admission = yield* gate.admit(token)
        if (admission._tag === "Refused")
          return yield* new Problem({ code: problemOf[admission.code] ?? "token_invalid" })
        const order = yield* tracking
          .load(admission.orderId)
          .pipe(Effect.catchTag("TimeoutError", () => Effect.fail(new Problem({ code: "database_unavailable" }))))
        if (order === undefined) return yield* new Problem({ code: "token_invalid" })
        const nowMs = yield* Clock.currentTimeMillis
        if (order.completedAtMs !== undefined && nowMs >= order.completedAtMs + limits.trackingGraceMs)
          return yield* new Problem({ code: "tracking_finished" })
        const channel = new OrderChannel(order, limits, nowMs, pins.pinOf)
        if (channel.driverId !== undefined) {
          const place = (yield* markers.latest([channel.driverId])).get(channel.driverId)
          if (place !== undefined) channel.move(place, nowMs)
        }
        channel.estimateAnew(nowMs)
        return {
          epoch: order.epoch,
          offset: order.offset,
          state: channel.state(admission.expiresAtMs) as Schema.Json
        }
      })
    })
  })
)
