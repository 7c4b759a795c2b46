import { Effect, Redacted, Schema } from "effect"
import pg from "pg"
import { Limits } from "../config/Limits.ts"
import { type DatabaseRole, pgSettings } from "./Database.ts"

/** Nobody answered, or refused us, at the address of the database. Retry: later. */
export class DatabaseUnreachable extends Schema.TaggedError<DatabaseUnreachable>()("DatabaseUnreachable", {
  /** Host, port and database, without user or password. */
  address: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `the database at ${this.address} cannot be reached: ${this.reason}`
  }
}

/** Host, port and database of a connection URL; never its user or password. */
export const databaseAddress = (url: Redacted.Redacted): string => {
  const parsed = URL.parse(Redacted.value(url))
  if (parsed === null) return "(unreadable DATABASE_URL)"
  const socketFolder = parsed.searchParams.get("host")
  return `${socketFolder ?? parsed.host}${parsed.pathname}`
}

/** What PostgreSQL or the socket said, in one line. */
export const databaseMessage = (error: unknown): string =>
  error instanceof Error ? error.message || ("code" in error ? String(error.code) : error.name) : String(error)

/** The SQLSTATE of an error of `pg`; undefined when it did not come from the server. */
export const sqlState = (error: unknown): string | undefined =>
  error instanceof pg.DatabaseError && error.code !== undefined ? error.code : undefined

/**
 * One `pg` connection, closed with the scope: as the owner of the schema, or in one role. For whole files of SQL, LISTEN and
 * set-up.
 */
export const pgConnection = Effect.fnUntraced(function* (
  url: Redacted.Redacted,
  applicationName: string,
  role?: DatabaseRole
) {
  const limits = yield* Limits
  const unreachable = (error: unknown) =>
    new DatabaseUnreachable({ address: databaseAddress(url), reason: databaseMessage(error) })
  const made = Effect.try({
    try: () => new pg.Client(pgSettings(url, applicationName, role, limits.databaseConnectMs)),
    catch: unreachable
  })
  const connected = Effect.tap(made, (client) => {
    // Without a listener a connection that PostgreSQL cuts between two queries would end the process; the next query, or
    // the caller's own listener, tells of it.
    client.on("error", () => {})
    return Effect.tryPromise({ try: () => client.connect(), catch: unreachable })
  })
  // `end` waits for the other side, which a cut network never answers.
  const close = (client: pg.Client) =>
    Effect.tryPromise(() => client.end()).pipe(Effect.timeout(limits.databaseCloseMs), Effect.ignore)
  return yield* Effect.acquireRelease(connected, close)
})
