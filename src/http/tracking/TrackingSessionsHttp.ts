import { Clock, Effect } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Env } from "../../config/Env.ts"
import { Limits } from "../../config/Limits.ts"
import { bareId } from "../../domain/Ids.ts"
import { TrackingTokens } from "../../identity/TrackingTokens.ts"
import { newId } from "../../persistence/NewId.ts"
import { OrderRepo } from "../../persistence/orders/OrderRepo.ts"
import { RowAbsent } from "../../persistence/RowAbsent.ts"
import { SettingRepo } from "../../persistence/SettingRepo.ts"
import { TrackingSessionRepo, type TrackingSessionRow } from "../../persistence/tracking/TrackingSessionRepo.ts"
import { Api } from "../Api.ts"
import { CurrentPrincipal } from "../Authenticated.ts"
import { Idempotency } from "../Idempotency.ts"
import { knownOrder } from "../orders/OwnOrder.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import { Problem } from "../Problem.ts"
import { publicBase } from "../PublicBase.ts"
import { KeptTrackingSession } from "./TrackingSessionsApi.ts"

const showSession = ({ revoked_at: _, ...session }: TrackingSessionRow) => session

/** Handlers of TrackingSessionsApi. */
export const TrackingSessionsHttp = HttpApiBuilder.group(
  Api,
  "trackingSessions",
  Effect.fnUntraced(function* (handlers) {
    const env = yield* Env
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const idempotency = yield* Idempotency
    const tokens = yield* TrackingTokens
    const orders = yield* OrderRepo
    const sessions = yield* TrackingSessionRepo
    const settings = yield* SettingRepo

    const defaultTtlS = Effect.map(settings.get("tracking.session_ttl_s"), (value) =>
      typeof value === "number" && Number.isInteger(value) && value >= 1
        ? Math.min(value, limits.trackingSessionTtlSMax)
        : limits.trackingSessionTtlS
    )

    const made = Effect.fnUntraced(function* (orderId: string, ttlS: number | undefined) {
      const { userId } = yield* CurrentPrincipal
      const customerId = yield* knownOrder(orders, orderId)
      const nowMs = yield* Clock.currentTimeMillis
      const most = limits.trackingSessionsPerOrderMax
      if ((yield* sessions.listLive(orderId, new Date(nowMs), most)).length >= most)
        return yield* new Problem({ code: "too_many_tracking_sessions" })
      const id = yield* newId
      const expiresAt = new Date(nowMs + (ttlS ?? (yield* defaultTtlS)) * 1000)
      const tokenHash = tokens.hashOf(tokens.tokenOf(id))
      yield* sessions.insert({ id, orderId, customerId, createdBy: userId, tokenHash, expiresAt })
      return { id, expires_at: expiresAt }
    })

    return handlers.handleAll({
      create: Effect.fn("TrackingSessionsHttp.create")(function* ({ params, payload }) {
        const base = publicBase(env, yield* HttpServerRequest.HttpServerRequest)
        // The token goes into the answer after it was kept, so that it lies nowhere; a repetition derives the same one.
        const complete = (kept: Readonly<Record<string, unknown>>) => {
          const token = tokens.tokenOf(bareId("trackingSession", String(kept.id)) ?? "")
          return {
            ...kept,
            token,
            url: `${base}/t/#${token}`,
            websocket_url: `${base.replace(/^http/, "ws")}/v1/track`
          }
        }
        return yield* idempotency.once(
          { status: 201, success: KeptTrackingSession, complete },
          made(params.id, payload?.ttl_s)
        )
      }),
      list: Effect.fn("TrackingSessionsHttp.list")(function* ({ params }) {
        const now = new Date(yield* Clock.currentTimeMillis)
        const rows = yield* scope.run(
          Effect.andThen(
            knownOrder(orders, params.id),
            sessions.listLive(params.id, now, limits.trackingSessionsPerOrderMax)
          )
        )
        return { data: rows.map(showSession), next_cursor: null, has_more: false }
      }),
      revoke: Effect.fn("TrackingSessionsHttp.revoke")(function* ({ params }) {
        yield* scope.run(
          Effect.gen(function* () {
            const session = yield* sessions.get(params.id)
            // A foreign order's session is as absent as the order.
            yield* Effect.catchTag(knownOrder(orders, session.order_id), "RowAbsent", () =>
              Effect.fail(new RowAbsent({ kind: "tracking_session", id: params.id }))
            )
            yield* sessions.revoke(params.id)
          })
        )
      })
    })
  })
)
