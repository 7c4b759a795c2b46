import { Effect, type Redacted } from "effect"
import type pg from "pg"
import { Limits } from "../../config/Limits.ts"
import { isUuid } from "../../domain/Ids.ts"
import { DatabaseUnreachable, databaseAddress, databaseMessage, pgConnection } from "../PgConnection.ts"

/** What a notice on `dropmate_revocations` says: db/schema/10_identity.sql. */
export interface RevocationNotice {
  readonly kind: "session" | "user" | "restored"
  readonly id: string
}

/** Everything that is revoked and whose tokens could still be alive. */
export interface RevokedNow {
  readonly sessions: ReadonlyArray<{ readonly id: string; readonly revokedAtMs: number }>
  readonly userIds: ReadonlyArray<string>
}

/** Who hears the feed. Both are called synchronously, `caughtUp` first. */
export interface RevocationListener {
  readonly caughtUp: (revoked: RevokedNow) => void
  readonly noticed: (notice: RevocationNotice) => void
}

const parseNotice = (payload: string | undefined): RevocationNotice | undefined => {
  const [kind, id, ...rest] = (payload ?? "").split(":")
  if (id === undefined || rest.length > 0 || !isUuid(id)) return undefined
  return kind === "session" || kind === "user" || kind === "restored" ? { kind, id } : undefined
}

const catchUp = async (client: pg.Client, tokenLifeS: number): Promise<RevokedNow> => {
  const sessions = await client.query<{ id: string; revoked_at: Date }>(
    "SELECT id, revoked_at FROM auth_sessions WHERE revoked_at > now() - make_interval(secs => $1) ORDER BY revoked_at",
    [tokenLifeS]
  )
  // updated_at moves at least as late as the disabling, so an older row's tokens are over.
  const users = await client.query<{ id: string }>(
    "SELECT id FROM users WHERE (status = 'disabled' OR deleted_at IS NOT NULL) AND updated_at > now() - make_interval(secs => $1)",
    [tokenLifeS]
  )
  return {
    sessions: sessions.rows.map((row) => ({ id: row.id, revokedAtMs: row.revoked_at.getTime() })),
    userIds: users.rows.map((row) => row.id)
  }
}

/**
 * One life of the feed: LISTEN, read the tables, then hear notices until the connection is lost, which is how it ends.
 * Listening begins before reading, so nothing falls between the two: a notice that arrives in between is told after `caughtUp`.
 * Role `dropmate_jobs`: row security must never make a revocation invisible.
 */
export const followRevocationFeed = Effect.fnUntraced(function* (url: Redacted.Redacted, listener: RevocationListener) {
  const limits = yield* Limits
  const lost = (error: unknown) =>
    new DatabaseUnreachable({ address: databaseAddress(url), reason: databaseMessage(error) })
  const client = yield* pgConnection(url, "dropmate-revocations", "dropmate_jobs")
  const early: Array<RevocationNotice> = []
  let hear = (notice: RevocationNotice): void => void early.push(notice)
  client.on("notification", ({ payload }) => {
    const notice = parseNotice(payload)
    if (notice !== undefined) hear(notice)
  })
  const cut = Effect.callback<never, DatabaseUnreachable>((resume) => {
    client.once("error", (error) => resume(Effect.fail(lost(error))))
    client.once("end", () => resume(Effect.fail(lost("the connection was closed"))))
  })
  const ask = <A>(run: () => Promise<A>) =>
    Effect.tryPromise({ try: run, catch: lost }).pipe(
      Effect.timeoutOrElse({
        duration: limits.revocationHeartbeatMs,
        orElse: () => Effect.fail(lost(`no answer within ${limits.revocationHeartbeatMs} ms`))
      })
    )
  const follow = Effect.gen(function* () {
    yield* ask(() => client.query("LISTEN dropmate_revocations"))
    listener.caughtUp(yield* ask(() => catchUp(client, limits.provisionedTokenTtlS + limits.clockSkewS)))
    hear = listener.noticed
    for (const notice of early) hear(notice)
    // A connection whose other side vanished without a word looks healthy until something is asked of it.
    return yield* ask(() => client.query("SELECT 1")).pipe(Effect.delay(limits.revocationHeartbeatMs), Effect.forever)
  })
  return yield* Effect.raceFirst(cut, follow)
}, Effect.scoped)
