import { Context, Effect, Layer } from "effect"
import { Limits } from "../config/Limits.ts"
import { CloseCode } from "../protocol/CloseCode.ts"
import { OrderHub } from "../realtime/OrderHub.ts"
import { TrackGate } from "../realtime/TrackGate.ts"
import type { Endpoint } from "./Endpoint.ts"
import { type TrackingNode, TrackingSocket } from "./TrackingSocket.ts"

// While the database is away the upgrade is let in: SUBSCRIBE is then answered with a code that says "come back".
const headerRefusal: Partial<Record<CloseCode, string>> = {
  [CloseCode.tokenInvalid]: "token_invalid",
  [CloseCode.trackingExpired]: "token_expired",
  [CloseCode.trackingRevoked]: "tracking_revoked"
}

/** `/v1/track`: customers' live maps. */
export class TrackingEndpoint extends Context.Service<TrackingEndpoint, Endpoint>()(
  "dropmate/gateway/TrackingEndpoint"
) {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const limits = yield* Limits
      const run = Effect.runForkWith(yield* Effect.context())
      const gate = yield* TrackGate
      const node: TrackingNode = {
        limits,
        hub: yield* OrderHub,
        admit: gate.admit,
        run: (effect) => void run(effect)
      }
      return {
        path: "/v1/track",
        judgeToken: (token) =>
          Effect.map(gate.admit(token), (admission) =>
            admission._tag === "Refused" ? headerRefusal[admission.code] : undefined
          ),
        payloadBytesMax: limits.frameBytesMax,
        backpressureBytesMax: limits.socketBackpressureBytesMax,
        open: (connection) => new TrackingSocket(connection, node)
      }
    })
  )
}
