import { Clock, Context, Effect, Layer, type Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { Limits } from "../config/Limits.ts"
import { AuthSessionRepo } from "../persistence/identity/AuthSessionRepo.ts"
import { UserRepo, type UserRow } from "../persistence/identity/UserRepo.ts"
import { newId } from "../persistence/NewId.ts"
import { systemOn } from "../persistence/RowScope.ts"
import { AccessTokens, type TokenSubject } from "./AccessTokens.ts"
import { Passwords } from "./Passwords.ts"
import { isRole, type Principal, type Role } from "./Principal.ts"
import { RefreshTokens } from "./RefreshTokens.ts"

/** No such account, or another password; which of the two stays unsaid. */
export class CredentialsWrong extends Schema.TaggedError<CredentialsWrong>()("CredentialsWrong", {}) {}

/** The account is disabled; told only to who knows its password. */
export class AccountDisabled extends Schema.TaggedError<AccountDisabled>()("AccountDisabled", {
  userId: Schema.String
}) {}

/** Not a refresh token of ours, or its session has ended. */
export class RefreshTokenInvalid extends Schema.TaggedError<RefreshTokenInvalid>()("RefreshTokenInvalid", {}) {}

/** A token that was exchanged before came back: somebody copied it, and its whole family was revoked. */
export class RefreshTokenReused extends Schema.TaggedError<RefreshTokenReused>()("RefreshTokenReused", {
  sessionId: Schema.String
}) {}

/** The password that should prove who is asking is not theirs. */
export class PasswordWrong extends Schema.TaggedError<PasswordWrong>()("PasswordWrong", { userId: Schema.String }) {}

/** What a login or a refresh gives. */
export interface SignedIn {
  readonly user: UserRow
  readonly accessToken: string
  readonly refreshToken: string
  readonly expiresInS: number
}

/** Who registers. */
export interface Registration {
  readonly email: string
  readonly password: Redacted.Redacted
  readonly name: string
  readonly phone: string | undefined
}

const drives = (user: UserRow): boolean =>
  user.driver_id !== null && (user.employment_status === "active" || user.employment_status === "invited")

/** What a user's token says: their grants, without `driver` while they are suspended. */
export const rolesOf = (user: UserRow): ReadonlyArray<Role> =>
  user.roles.filter(isRole).filter((role) => role !== "driver" || drives(user))

const subjectOf = (user: UserRow, sessionId: string): TokenSubject => ({
  userId: user.id,
  sessionId,
  roles: rolesOf(user),
  ...(user.driver_id !== null && drives(user) ? { driverId: user.driver_id } : {}),
  ...(user.customer_id === null ? {} : { customerId: user.customer_id })
})

const makeTokens = Effect.gen(function* () {
  const limits = yield* Limits
  const accessTokens = yield* AccessTokens
  const signedIn = Effect.fnUntraced(function* (user: UserRow, sessionId: string, refreshToken: string) {
    const access = yield* accessTokens.issue(subjectOf(user, sessionId), limits.accessTokenTtlS)
    return { user, accessToken: access.token, refreshToken, expiresInS: limits.accessTokenTtlS }
  })
  const refreshExpiry = Effect.map(Clock.currentTimeMillis, (nowMs) => new Date(nowMs + limits.refreshTokenTtlS * 1000))
  return { signedIn, refreshExpiry }
})

const makeLogin = Effect.gen(function* () {
  const limits = yield* Limits
  const users = yield* UserRepo
  const sessions = yield* AuthSessionRepo
  const passwords = yield* Passwords
  const refreshTokens = yield* RefreshTokens
  const asSystem = systemOn(yield* SqlClient.SqlClient)
  const { signedIn, refreshExpiry } = yield* makeTokens

  const register = Effect.fn("Accounts.register")(function* (registration: Registration) {
    const passwordHash = yield* passwords.hash(registration.password)
    const userId = yield* newId
    const customerId = yield* newId
    const { email, name, phone } = registration
    const made = users.insertCustomer({ userId, customerId, email, name, phone, passwordHash })
    return yield* asSystem(Effect.andThen(made, users.get(userId)))
  })

  const login = Effect.fn("Accounts.login")(function* (
    email: string,
    password: Redacted.Redacted,
    deviceInfo: Readonly<Record<string, unknown>>
  ) {
    const found = yield* asSystem(users.credentials(email))
    const matches = yield* passwords.verify(found?.password_hash ?? undefined, password)
    if (found === undefined || !matches) return yield* new CredentialsWrong({})
    if (found.status === "disabled") return yield* new AccountDisabled({ userId: found.id })
    const sessionId = yield* newId
    const minted = refreshTokens.mint(sessionId, 1)
    const expiresAt = yield* refreshExpiry
    const session = { id: sessionId, userId: found.id, refreshTokenHash: minted.hash, deviceInfo, expiresAt }
    const user = yield* asSystem(
      Effect.gen(function* () {
        yield* sessions.insertLogin(session)
        yield* sessions.revokeBeyond(found.id, limits.sessionsPerUserMax)
        return yield* users.get(found.id)
      })
    )
    return yield* signedIn(user, sessionId, minted.token)
  })

  return { register, login }
})

const makeRefresh = Effect.gen(function* () {
  const users = yield* UserRepo
  const sessions = yield* AuthSessionRepo
  const refreshTokens = yield* RefreshTokens
  const asSystem = systemOn(yield* SqlClient.SqlClient)
  const { signedIn, refreshExpiry } = yield* makeTokens

  const refresh = Effect.fn("Accounts.refresh")(function* (token: string) {
    const old = refreshTokens.read(token)
    if (old === undefined) return yield* new RefreshTokenInvalid({})
    const minted = refreshTokens.mint(old.sessionId, old.generation + 1)
    const rotation = {
      id: old.sessionId,
      oldGeneration: old.generation,
      oldHash: old.hash,
      newHash: minted.hash,
      expiresAt: yield* refreshExpiry
    }
    const user = yield* asSystem(
      Effect.flatMap(sessions.rotate(rotation), (userId) =>
        userId === undefined ? Effect.succeed(undefined) : users.get(userId)
      )
    )
    if (user === undefined) return yield* judgeUnrotated(old.sessionId, old.generation)
    return yield* signedIn(user, old.sessionId, minted.token)
  })

  // In a transaction of its own: the failure that the client sees must not roll the revocation back.
  const judgeUnrotated = Effect.fnUntraced(function* (sessionId: string, generation: number) {
    const session = yield* asSystem(sessions.find(sessionId))
    if (session === undefined || session.revoked_at !== null || generation >= session.generation) {
      return yield* new RefreshTokenInvalid({})
    }
    yield* asSystem(sessions.revoke(sessionId, "reuse_detected"))
    yield* Effect.logWarning("refresh_token_reused: a session was revoked", { session: sessionId })
    return yield* new RefreshTokenReused({ sessionId })
  })

  return { refresh }
})

const make = Effect.gen(function* () {
  const users = yield* UserRepo
  const sessions = yield* AuthSessionRepo
  const passwords = yield* Passwords
  const refreshTokens = yield* RefreshTokens
  const asSystem = systemOn(yield* SqlClient.SqlClient)

  const logout = Effect.fn("Accounts.logout")(function* (sessionId: string) {
    yield* asSystem(sessions.revoke(sessionId, "logout"))
  })

  /** The session of a refresh token, whether it is the newest or not: whoever holds it may end it. */
  const sessionOfRefreshToken = (token: string): string | undefined => refreshTokens.read(token)?.sessionId

  /** Proves who asks by their current password, unless they have none yet; hashes the new one. */
  const newPasswordHash = Effect.fn("Accounts.newPasswordHash")(function* (
    principal: Principal,
    current: Redacted.Redacted | undefined,
    wanted: Redacted.Redacted
  ) {
    const stored = yield* asSystem(users.passwordHash(principal.userId))
    if (stored !== undefined) {
      const proven = current !== undefined && (yield* passwords.verify(stored, current))
      if (!proven) return yield* new PasswordWrong({ userId: principal.userId })
    }
    return yield* passwords.hash(wanted)
  })

  return { ...(yield* makeLogin), ...(yield* makeRefresh), logout, sessionOfRefreshToken, newPasswordHash }
})

/** Registration, login, refresh and logout. */
export class Accounts extends Context.Service<Accounts>()("dropmate/identity/Accounts", { make }) {
  static readonly layer = Layer.effect(this, this.make)
}
