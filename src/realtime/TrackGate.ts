import { createHash } from "node:crypto"
import { Clock, Context, Duration, Effect, Layer } from "effect"
import { Limits } from "../config/Limits.ts"
import { TrackingRepo } from "../persistence/tracking/TrackingRepo.ts"
import { CloseCode } from "../protocol/CloseCode.ts"

/** What a tracking token opens now, or the code that says why nothing. */
export type TrackAdmission =
  | { readonly _tag: "Admitted"; readonly sessionId: string; readonly orderId: string; readonly expiresAtMs: number }
  | { readonly _tag: "Refused"; readonly code: CloseCode; readonly retryAfterMs: number }

const refused = (code: CloseCode, retryAfterMs = 0): TrackAdmission => ({ _tag: "Refused", code, retryAfterMs })

/** Judges tracking tokens; only their hashes are stored. */
export class TrackGate extends Context.Service<
  TrackGate,
  { readonly admit: (token: string) => Effect.Effect<TrackAdmission> }
>()("dropmate/realtime/TrackGate") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const limits = yield* Limits
      const repo = yield* TrackingRepo
      const admit = Effect.fnUntraced(function* (token: string) {
        if (token.length > limits.tokenBytesMax) return refused(CloseCode.tokenInvalid)
        const grant = yield* repo.byToken(createHash("sha256").update(token).digest())
        if (grant === undefined) return refused(CloseCode.tokenInvalid)
        if (grant.revokedAtMs !== undefined) return refused(CloseCode.trackingRevoked)
        if ((yield* Clock.currentTimeMillis) >= grant.expiresAtMs) return refused(CloseCode.trackingExpired)
        const { sessionId, orderId, expiresAtMs } = grant
        return { _tag: "Admitted", sessionId, orderId, expiresAtMs } satisfies TrackAdmission
      })
      return {
        admit: (token) =>
          admit(token).pipe(
            Effect.timeout(Duration.millis(limits.databaseConnectMs)),
            Effect.catch(() => Effect.succeed(refused(CloseCode.databaseUnavailable, limits.retryAfterMs)))
          )
      }
    })
  )
}
