import { Context, Effect, Layer, Result } from "effect"
import { Limits } from "../config/Limits.ts"
import { AccessTokens } from "../identity/AccessTokens.ts"
import { Revocations } from "../identity/Revocations.ts"
import { FleetHub } from "../realtime/FleetHub.ts"
import type { Endpoint } from "./Endpoint.ts"
import { type FleetNode, FleetSocket } from "./FleetSocket.ts"

/** `/v1/fleet`: dispatchers' live maps. */
export class FleetEndpoint extends Context.Service<FleetEndpoint, Endpoint>()("dropmate/gateway/FleetEndpoint") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const limits = yield* Limits
      const tokens = yield* AccessTokens
      const revocations = yield* Revocations
      const run = Effect.runForkWith(yield* Effect.context())
      const node: FleetNode = {
        limits,
        hub: yield* FleetHub,
        verify: (token) =>
          Effect.map(Effect.result(tokens.verify(token)), (result) => {
            if (Result.isFailure(result)) return result.failure._tag === "TokenExpired" ? "expired" : "invalid"
            return revocations.isRevoked(result.success) ? "invalid" : result.success
          }),
        run: (effect) => void run(effect)
      }
      return {
        path: "/v1/fleet",
        payloadBytesMax: limits.frameBytesMax,
        backpressureBytesMax: limits.fleetBackpressureBytesMax,
        open: (connection) => new FleetSocket(connection, node)
      }
    })
  )
}
