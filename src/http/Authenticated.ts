import { Context, Effect, Layer } from "effect"
import { HttpApiMiddleware, HttpApiSecurity } from "effect/http-api"
import { AccessTokens } from "../identity/AccessTokens.ts"
import type { Principal } from "../identity/Principal.ts"
import { Revocations } from "../identity/Revocations.ts"
import { httpMetrics } from "./ops/HttpMetrics.ts"
import { Problem } from "./Problem.ts"
import { refusalSchemas } from "./Refusal.ts"

/** Who sends the request under way. */
export class CurrentPrincipal extends Context.Service<CurrentPrincipal, Principal>()(
  "dropmate/http/CurrentPrincipal"
) {}

/** Lets in whoever has a live access token and is allowed by the endpoint's access rule; counts their requests. */
export class Authenticated extends HttpApiMiddleware.Service<Authenticated, { provides: CurrentPrincipal }>()(
  "dropmate/http/Authenticated",
  { security: { bearer: HttpApiSecurity.bearer }, error: refusalSchemas }
) {}

/** The principal of a bearer token, or the 401 that says what is wrong with it. */
export class Authentication extends Context.Service<
  Authentication,
  { readonly principalOf: (token: string) => Effect.Effect<Principal, Problem> }
>()("dropmate/http/Authentication") {
  static readonly layer = Layer.effect(
    Authentication,
    Effect.gen(function* () {
      const tokens = yield* AccessTokens
      const revocations = yield* Revocations
      const refuse = (reason: string, code: "token_missing" | "token_invalid" | "token_expired") =>
        Effect.andThen(httpMetrics.authFailed(reason), Effect.fail(new Problem({ code })))
      const principalOf = Effect.fnUntraced(function* (token: string) {
        if (token === "") return yield* refuse("missing", "token_missing")
        const principal = yield* tokens.verify(token).pipe(
          Effect.catchTag("TokenExpired", () => refuse("expired", "token_expired")),
          Effect.catchTag("TokenInvalid", (error) => refuse(error.reason, "token_invalid"))
        )
        return revocations.isRevoked(principal) ? yield* refuse("revoked", "token_invalid") : principal
      })
      return Authentication.of({ principalOf })
    })
  )
}
