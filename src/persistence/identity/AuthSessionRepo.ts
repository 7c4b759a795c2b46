import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { theRow } from "../RowAbsent.ts"

/** Why a session ended: `auth_sessions.revoked_reason`. */
export type RevokedReason =
  | "logout"
  | "revoked"
  | "reuse_detected"
  | "password_changed"
  | "user_disabled"
  | "role_removed"
  | "too_many_sessions"

/** One family of refresh tokens, or one provisioned token. */
export interface AuthSessionRow {
  readonly id: string
  readonly user_id: string
  readonly kind: "login" | "provisioned"
  readonly generation: number
  readonly device_info: unknown
  readonly created_at: Date
  readonly last_used_at: Date
  readonly expires_at: Date
  readonly revoked_at: Date | null
}

/** A new family with its first refresh token's hash. */
export interface NewLogin {
  readonly id: string
  readonly userId: string
  readonly refreshTokenHash: Uint8Array
  readonly deviceInfo: Readonly<Record<string, unknown>>
  readonly expiresAt: Date
}

/** From one refresh token to the next. */
export interface Rotation {
  readonly id: string
  readonly oldGeneration: number
  readonly oldHash: Uint8Array
  readonly newHash: Uint8Array
  readonly expiresAt: Date
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = sql`id, user_id, kind, generation, device_info, created_at, last_used_at, expires_at, revoked_at`

  const insertLogin = Effect.fn("AuthSessionRepo.insertLogin")(function* (login: NewLogin) {
    yield* sql`INSERT INTO auth_sessions (id, user_id, refresh_token_hash, device_info, expires_at)
      VALUES (${login.id}, ${login.userId}, ${login.refreshTokenHash}, ${JSON.stringify(login.deviceInfo)}::text::jsonb, ${login.expiresAt})`
  })

  /** All in one statement; `ids[i]` is the session of `userIds[i]`. */
  const insertProvisioned = Effect.fn("AuthSessionRepo.insertProvisioned")(function* (
    ids: ReadonlyArray<string>,
    userIds: ReadonlyArray<string>,
    expiresAt: Date
  ) {
    yield* sql`INSERT INTO auth_sessions (id, user_id, kind, expires_at)
      SELECT id, user_id, 'provisioned', ${expiresAt} FROM unnest(${ids}::uuid[], ${userIds}::uuid[]) AS v(id, user_id)`
  })

  /** Compare and set: of two rotations of one token only the first finds the row. The user's id, or undefined. */
  const rotate = Effect.fn("AuthSessionRepo.rotate")(function* (rotation: Rotation) {
    const rows = yield* sql<{ user_id: string }>`UPDATE auth_sessions s
      SET refresh_token_hash = ${rotation.newHash}, generation = s.generation + 1, last_used_at = now(), expires_at = ${rotation.expiresAt}
      FROM users u
      WHERE s.id = ${rotation.id} AND s.generation = ${rotation.oldGeneration} AND s.refresh_token_hash = ${rotation.oldHash}
        AND s.revoked_at IS NULL AND s.expires_at > now()
        AND u.id = s.user_id AND u.status <> 'disabled' AND u.deleted_at IS NULL
      RETURNING s.user_id`
    return rows[0]?.user_id
  })

  const find = Effect.fn("AuthSessionRepo.find")(function* (id: string) {
    return (yield* sql<AuthSessionRow>`SELECT ${columns} FROM auth_sessions WHERE id = ${id}`)[0]
  })

  const listLive = Effect.fn("AuthSessionRepo.listLive")(function* (
    userId: string,
    afterId: string | undefined,
    limit: number
  ) {
    return yield* sql<AuthSessionRow>`SELECT ${columns} FROM auth_sessions
      WHERE user_id = ${userId} AND revoked_at IS NULL AND expires_at > now()
        AND (${afterId ?? null}::uuid IS NULL OR id < ${afterId ?? null}::uuid)
      ORDER BY id DESC LIMIT ${limit}`
  })

  /** Ends one session; one that has ended stays as it ended. */
  const revoke = Effect.fn("AuthSessionRepo.revoke")(function* (id: string, reason: RevokedReason) {
    yield* sql`UPDATE auth_sessions SET revoked_at = now(), revoked_reason = ${reason} WHERE id = ${id} AND revoked_at IS NULL`
  })

  /** Ends one live session of this very user; RowAbsent for anybody else's. */
  const revokeOwn = Effect.fn("AuthSessionRepo.revokeOwn")(function* (userId: string, id: string) {
    const rows = yield* sql<{ id: string }>`UPDATE auth_sessions SET revoked_at = now(), revoked_reason = 'revoked'
      WHERE id = ${id} AND user_id = ${userId} AND revoked_at IS NULL AND expires_at > now() RETURNING id`
    yield* theRow("session", id, rows)
  })

  const revokeAll = Effect.fn("AuthSessionRepo.revokeAll")(function* (
    userId: string,
    reason: RevokedReason,
    exceptId?: string
  ) {
    yield* sql`UPDATE auth_sessions SET revoked_at = now(), revoked_reason = ${reason}
      WHERE user_id = ${userId} AND revoked_at IS NULL AND id IS DISTINCT FROM ${exceptId ?? null}::uuid`
  })

  /** Ends the oldest logins beyond `keep`, so that one account cannot collect sessions without bound. */
  const revokeBeyond = Effect.fn("AuthSessionRepo.revokeBeyond")(function* (userId: string, keep: number) {
    yield* sql`UPDATE auth_sessions SET revoked_at = now(), revoked_reason = 'too_many_sessions'
      WHERE id IN (SELECT id FROM auth_sessions
        WHERE user_id = ${userId} AND kind = 'login' AND revoked_at IS NULL AND expires_at > now()
        ORDER BY last_used_at DESC, id DESC OFFSET ${keep})`
  })

  return { insertLogin, insertProvisioned, rotate, find, listLive, revoke, revokeOwn, revokeAll, revokeBeyond }
})

/** Keeps auth sessions. Ending one is announced by a trigger, when the transaction commits. */
export class AuthSessionRepo extends Context.Service<AuthSessionRepo>()(
  "dropmate/persistence/identity/AuthSessionRepo",
  {
    make
  }
) {
  static readonly layer = Layer.effect(this, this.make)
}
