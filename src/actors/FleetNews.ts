import { Effect, Layer } from "effect"
import { FleetHub } from "../realtime/FleetHub.ts"
import { Telling } from "./Told.ts"

/** Tells consoles what this node committed about shipments: EVENT of the fleet stream. */
export const FleetNews = Layer.effectDiscard(
  Effect.gen(function* () {
    const hub = yield* FleetHub
    const telling = yield* Telling
    const end = telling.onTold(({ shipmentId, type, occurredAtMs, data }) => {
      if (shipmentId !== undefined) hub.publish({ shipmentId, type, occurredAt: occurredAtMs, data })
    })
    yield* Effect.addFinalizer(() => Effect.sync(end))
  })
)
