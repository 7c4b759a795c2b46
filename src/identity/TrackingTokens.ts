import { createHash, createHmac } from "node:crypto"
import { Context, Effect, Layer } from "effect"
import { Secret } from "./Secret.ts"

// Tells a leaked token's kind to whoever finds it in a log.
const prefix = "dmt_"

/**
 * Tokens of tracking sessions: HMAC-SHA256 of the session's id with a key derived from DROPMATE_SECRET. Nothing keeps them; whoever may
 * see a session's token is shown it derived again, and only its hash is looked up.
 */
export class TrackingTokens extends Context.Service<
  TrackingTokens,
  {
    /** The token of a session; `sessionId` is a bare UUID. */
    readonly tokenOf: (sessionId: string) => string
    /** SHA-256 of a token, 32 bytes: what `tracking_sessions.session_token` holds. */
    readonly hashOf: (token: string) => Uint8Array
  }
>()("dropmate/identity/TrackingTokens") {
  static readonly layer = Layer.effect(
    TrackingTokens,
    Effect.map(Secret, (secret) => {
      const key = secret.key("tracking-token")
      return {
        tokenOf: (sessionId) => `${prefix}${createHmac("sha256", key).update(sessionId).digest("base64url")}`,
        hashOf: (token) => new Uint8Array(createHash("sha256").update(token).digest())
      }
    })
  )
}
