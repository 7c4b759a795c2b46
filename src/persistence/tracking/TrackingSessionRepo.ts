import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { theRow } from "../RowAbsent.ts"

/** A tracking session as its row tells it; never its token. */
export interface TrackingSessionRow {
  readonly id: string
  readonly order_id: string
  readonly created_at: Date
  readonly expires_at: Date
  readonly revoked_at: Date | null
}

/** A session to keep. */
export interface NewTrackingSession {
  readonly id: string
  readonly orderId: string
  readonly customerId: string | undefined
  readonly createdBy: string
  /** SHA-256 of the token. */
  readonly tokenHash: Uint8Array
  readonly expiresAt: Date
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = sql`id, order_id, created_at, expires_at, revoked_at`

  const insert = Effect.fn("TrackingSessionRepo.insert")(function* (session: NewTrackingSession) {
    yield* sql`INSERT INTO tracking_sessions (id, order_id, customer_id, session_token, created_by, expires_at)
      VALUES (${session.id}, ${session.orderId}, ${session.customerId ?? null}, ${session.tokenHash}, ${session.createdBy}, ${session.expiresAt})`
  })

  const get = Effect.fn("TrackingSessionRepo.get")(function* (id: string) {
    const rows = yield* sql<TrackingSessionRow>`SELECT ${columns} FROM tracking_sessions WHERE id = ${id}`
    return yield* theRow("tracking_session", id, rows)
  })

  /** Sessions of an order that can still be used, the newest first. */
  const listLive = Effect.fn("TrackingSessionRepo.listLive")(function* (orderId: string, now: Date, limit: number) {
    return yield* sql<TrackingSessionRow>`SELECT ${columns} FROM tracking_sessions
      WHERE order_id = ${orderId} AND revoked_at IS NULL AND expires_at > ${now} ORDER BY id DESC LIMIT ${limit}`
  })

  /** Ends a session; every node closes its sockets. Nothing happens to one that is revoked already. */
  const revoke = Effect.fn("TrackingSessionRepo.revoke")(function* (id: string) {
    yield* sql`UPDATE tracking_sessions SET revoked_at = now() WHERE id = ${id} AND revoked_at IS NULL`
  })

  return { insert, get, listLive, revoke }
})

/** Keeps who may watch an order: only hashes of tokens. */
export class TrackingSessionRepo extends Context.Service<TrackingSessionRepo>()(
  "dropmate/persistence/tracking/TrackingSessionRepo",
  { make }
) {
  static readonly layer = Layer.effect(this, this.make)
}
