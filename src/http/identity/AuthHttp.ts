import { Effect, Redacted } from "effect"
import type { HttpServerRequest } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Accounts, type SignedIn } from "../../identity/Accounts.ts"
import { Api } from "../Api.ts"
import { Authentication } from "../Authenticated.ts"
import { httpMetrics } from "../ops/HttpMetrics.ts"
import { RateLimits } from "../RateLimits.ts"
import { CurrentRequest } from "../RequestFacts.ts"

const tokensOf = (signedIn: SignedIn) => ({
  access_token: signedIn.accessToken,
  refresh_token: signedIn.refreshToken,
  token_type: "Bearer" as const,
  expires_in_s: signedIn.expiresInS,
  user: { id: signedIn.user.id, email: signedIn.user.email, role: signedIn.user.role }
})

const bearerOf = (request: HttpServerRequest.HttpServerRequest): string =>
  /^bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? ""

/** Handlers of AuthApi. */
export const AuthHttp = HttpApiBuilder.group(
  Api,
  "auth",
  Effect.fnUntraced(function* (handlers) {
    const accounts = yield* Accounts
    const authentication = yield* Authentication
    const rates = yield* RateLimits

    // Before the password is looked at: argon2 is what an attacker would make us compute.
    const countAttempt = Effect.fnUntraced(function* (account: string | undefined) {
      yield* rates.count("login_address", (yield* CurrentRequest).address)
      if (account !== undefined) yield* rates.count("login_account", account)
    })

    return handlers.handleAll({
      register: Effect.fn("AuthHttp.register")(function* ({ payload }) {
        yield* countAttempt(undefined)
        const { email, name, phone } = payload
        const user = yield* accounts.register({ email, name, phone, password: Redacted.make(payload.password) })
        return {
          user: { id: user.id, email: user.email, role: user.role, name: user.name },
          customer_id: user.customer_id ?? ""
        }
      }),
      login: Effect.fn("AuthHttp.login")(function* ({ payload, request }) {
        yield* countAttempt(payload.email)
        const deviceInfo = {
          user_agent: (request.headers["user-agent"] ?? "").slice(0, 200),
          address: (yield* CurrentRequest).address,
          ...(payload.device_name === undefined ? {} : { name: payload.device_name })
        }
        return tokensOf(
          yield* accounts
            .login(payload.email, Redacted.make(payload.password), deviceInfo)
            .pipe(
              Effect.tapError((error) =>
                error._tag === "CredentialsWrong" ? httpMetrics.authFailed("credentials") : Effect.void
              )
            )
        )
      }),
      refresh: Effect.fn("AuthHttp.refresh")(function* ({ payload }) {
        return tokensOf(
          yield* accounts
            .refresh(payload.refresh_token)
            .pipe(
              Effect.tapError((error) =>
                error._tag === "RefreshTokenReused" ? httpMetrics.authFailed("refresh_reused") : Effect.void
              )
            )
        )
      }),
      logout: Effect.fn("AuthHttp.logout")(function* ({ payload, request }) {
        const refreshToken = payload?.refresh_token
        const named = refreshToken === undefined ? undefined : accounts.sessionOfRefreshToken(refreshToken)
        yield* accounts.logout(named ?? (yield* authentication.principalOf(bearerOf(request))).sessionId)
      })
    })
  })
)
