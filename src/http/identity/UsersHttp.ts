import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Limits } from "../../config/Limits.ts"
import { AuthSessionRepo } from "../../persistence/identity/AuthSessionRepo.ts"
import { UserRepo } from "../../persistence/identity/UserRepo.ts"
import { Api } from "../Api.ts"
import { CurrentPrincipal } from "../Authenticated.ts"
import { idCursor } from "../Cursor.ts"
import { expectedVersion, versioned } from "../ETag.ts"
import { Idempotency } from "../Idempotency.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import { User } from "./MeApi.ts"
import { showUser } from "./MeHttp.ts"

const userCursor = idCursor("users")

/** Handlers of UsersApi. */
export const UsersHttp = HttpApiBuilder.group(
  Api,
  "users",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const idempotency = yield* Idempotency
    const users = yield* UserRepo
    const sessions = yield* AuthSessionRepo

    return handlers.handleAll({
      list: Effect.fn("UsersHttp.list")(function* ({ query }) {
        const limit = query.limit ?? limits.listLimitDefault
        const afterId = yield* userCursor.read(query.cursor)
        const { role, status, email } = query
        const rows = yield* scope.run(users.list({ role, status, email, afterId, limit: limit + 1 }))
        return userCursor.page(rows, limit, (row) => row.id, showUser)
      }),
      get: Effect.fn("UsersHttp.get")(function* ({ params }) {
        const user = yield* scope.run(users.get(params.id))
        return versioned(user.version, showUser(user))
      }),
      update: Effect.fn("UsersHttp.update")(function* ({ params, payload, headers }) {
        const version = yield* expectedVersion(headers["if-match"])
        const user = yield* scope.run(
          Effect.gen(function* () {
            const changed = yield* users.update(params.id, { status: payload.status }, version)
            if (payload.status === "disabled") yield* sessions.revokeAll(params.id, "user_disabled")
            return changed
          })
        )
        return versioned(user.version, showUser(user))
      }),
      grant: Effect.fn("UsersHttp.grant")(function* ({ params, payload }) {
        const { userId } = yield* CurrentPrincipal
        const granted = Effect.map(users.grant(params.id, payload.role, userId), showUser)
        return yield* idempotency.once({ status: 200, success: User }, granted)
      }),
      // The user's logins end with the grant: their tokens would carry the role until they expire.
      revokeGrant: Effect.fn("UsersHttp.revokeGrant")(function* ({ params }) {
        return yield* scope.run(
          Effect.gen(function* () {
            const removed = yield* users.revokeGrant(params.id, params.role)
            if (removed) yield* sessions.revokeAll(params.id, "role_removed")
            return showUser(yield* users.get(params.id))
          })
        )
      })
    })
  })
)
