import { Effect, Redacted } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Limits } from "../../config/Limits.ts"
import { Accounts, rolesOf } from "../../identity/Accounts.ts"
import { AuthSessionRepo, type AuthSessionRow } from "../../persistence/identity/AuthSessionRepo.ts"
import { type UserChange, UserRepo, type UserRow } from "../../persistence/identity/UserRepo.ts"
import { Api } from "../Api.ts"
import { CurrentPrincipal } from "../Authenticated.ts"
import { idCursor } from "../Cursor.ts"
import { expectedVersion, versioned } from "../ETag.ts"
import { PrincipalScope } from "../PrincipalScope.ts"

/** A user as the API shows one. */
export const showUser = (user: UserRow) => ({
  id: user.id,
  email: user.email,
  phone: user.phone,
  name: user.name,
  role: user.role,
  roles: rolesOf(user),
  status: user.status,
  driver_id: user.driver_id,
  customer_id: user.customer_id,
  created_at: user.created_at,
  updated_at: user.updated_at
})

const textMember = (value: unknown, name: string): string | null => {
  const member =
    typeof value === "object" && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : null
  return typeof member === "string" ? member : null
}

const showSession = (currentId: string) => (session: AuthSessionRow) => ({
  id: session.id,
  kind: session.kind,
  current: session.id === currentId,
  device: {
    name: textMember(session.device_info, "name"),
    user_agent: textMember(session.device_info, "user_agent"),
    address: textMember(session.device_info, "address")
  },
  created_at: session.created_at,
  last_used_at: session.last_used_at,
  expires_at: session.expires_at
})

const sessionCursor = idCursor("me.sessions")

/** Handlers of MeApi. */
export const MeHttp = HttpApiBuilder.group(
  Api,
  "me",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const users = yield* UserRepo
    const sessions = yield* AuthSessionRepo
    const accounts = yield* Accounts

    return handlers.handleAll({
      get: Effect.fn("MeHttp.get")(function* () {
        const { userId } = yield* CurrentPrincipal
        const user = yield* scope.run(users.get(userId))
        return versioned(user.version, showUser(user))
      }),
      update: Effect.fn("MeHttp.update")(function* ({ payload, headers }) {
        const principal = yield* CurrentPrincipal
        const version = yield* expectedVersion(headers["if-match"])
        const { password, current_password: current, ...plain } = payload
        const passwordHash =
          password === undefined
            ? undefined
            : yield* accounts.newPasswordHash(
                principal,
                current === undefined ? undefined : Redacted.make(current),
                Redacted.make(password)
              )
        const change: UserChange = { ...plain, ...(passwordHash === undefined ? {} : { password_hash: passwordHash }) }
        const user = yield* scope.run(
          Effect.gen(function* () {
            const changed = yield* users.update(principal.userId, change, version)
            if (passwordHash === undefined) return changed
            yield* sessions.revokeAll(principal.userId, "password_changed", principal.sessionId)
            return yield* users.acceptInvitation(principal.userId)
          })
        )
        return versioned(user.version, showUser(user))
      }),
      sessions: Effect.fn("MeHttp.sessions")(function* ({ query }) {
        const principal = yield* CurrentPrincipal
        const limit = query.limit ?? limits.listLimitDefault
        const after = yield* sessionCursor.read(query.cursor)
        const rows = yield* scope.run(sessions.listLive(principal.userId, after, limit + 1))
        return sessionCursor.page(rows, limit, (row) => row.id, showSession(principal.sessionId))
      }),
      endSessions: Effect.fn("MeHttp.endSessions")(function* () {
        const { userId } = yield* CurrentPrincipal
        yield* scope.run(sessions.revokeAll(userId, "revoked"))
      }),
      endSession: Effect.fn("MeHttp.endSession")(function* ({ params }) {
        const { userId } = yield* CurrentPrincipal
        yield* scope.run(sessions.revokeOwn(userId, params.id))
      })
    })
  })
)
