import { Effect, type Redacted, Schedule } from "effect"
import { Limits } from "../config/Limits.ts"
import { DatabaseUnreachable, databaseAddress, databaseMessage, pgConnection } from "./PgConnection.ts"

/** Who hears a channel of PostgreSQL's NOTIFY. All are called synchronously. */
export interface NoticeListener {
  /** Listening began, again or for the first time: what was told before is not repeated, so read again what matters. */
  readonly caughtUp: () => void
  readonly noticed: (payload: string) => void
  /** The connection answered: what was told until now has been heard. */
  readonly alive?: () => void
}

/** One life of a listening connection; ends with its loss. */
const listenOnce = Effect.fnUntraced(function* (
  url: Redacted.Redacted,
  channel: string,
  listener: NoticeListener,
  name: string
) {
  const limits = yield* Limits
  const lost = (error: unknown) =>
    new DatabaseUnreachable({ address: databaseAddress(url), reason: databaseMessage(error) })
  const client = yield* pgConnection(url, name, "dropmate_jobs")
  const cut = Effect.callback<never, DatabaseUnreachable>((resume) => {
    client.once("error", (error) => resume(Effect.fail(lost(error))))
    client.once("end", () => resume(Effect.fail(lost("the connection was closed"))))
  })
  const ask = (statement: string) =>
    Effect.tryPromise({ try: () => client.query(statement), catch: lost }).pipe(
      Effect.timeoutOrElse({
        duration: limits.noticeHeartbeatMs,
        orElse: () => Effect.fail(lost(`no answer within ${limits.noticeHeartbeatMs} ms`))
      })
    )
  const follow = Effect.gen(function* () {
    yield* ask(`LISTEN ${channel}`)
    // Before any notice: whoever hears `caughtUp` reads everything, so a notice of the same moment only makes them read twice.
    listener.caughtUp()
    client.on("notification", ({ payload }) => {
      if (payload !== undefined) listener.noticed(payload)
    })
    // A connection whose other side vanished without a word looks healthy until something is asked of it.
    return yield* ask("SELECT 1").pipe(
      Effect.tap(() => Effect.sync(() => listener.alive?.())),
      Effect.delay(limits.noticeHeartbeatMs),
      Effect.forever
    )
  })
  return yield* Effect.raceFirst(cut, follow)
}, Effect.scoped)

/**
 * Listens to one channel for ever, on a connection of its own, and again after each loss: `caughtUp` then tells that notices may
 * have been missed. `channel` is a constant of the schema, never anything from outside; `name` is what the connection is called.
 */
export const followNotices = (
  url: Redacted.Redacted,
  channel: "dropmate_orders" | "dropmate_tracking" | "dropmate_tasks" | "dropmate_messages" | "dropmate_events",
  listener: NoticeListener,
  name = `dropmate-${channel}`
): Effect.Effect<never> =>
  Effect.flatMap(Limits, (limits) =>
    listenOnce(url, channel, listener, name).pipe(
      Effect.catch((error) => Effect.logWarning("notices_interrupted", { channel, reason: error.message })),
      Effect.repeat(Schedule.spaced(limits.noticeReconnectMs)),
      Effect.andThen(Effect.never)
    )
  )
