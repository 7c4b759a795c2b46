import { type Cause, Context, Effect } from "effect"
import { SqlClient, SqlError } from "effect/sql"

/** On whose behalf statements run. What row policies, audit triggers and `current_setting('app.…')` read. */
export interface RowScope {
  readonly userId?: string | undefined
  readonly driverId?: string | undefined
  readonly customerId?: string | undefined
  /** `system` for what happens before anybody is known: registration, login, refresh. */
  readonly roles: Iterable<string>
  readonly requestId?: string | undefined
}

/** The scope of what the server does for itself. */
export const systemScope: RowScope = { roles: ["system"] }

/** The scope of what a driver's phone asks for. */
const driverScope = (driverId: string): RowScope => ({ driverId, roles: ["driver"] })

/**
 * Whose rows a driver's phone reaches: the driver's. Only the trial of row security alone provides anything else (P18), where the
 * code takes a stranger's phone for the driver's.
 */
export const ScopeOfDriver = Context.Reference<(driverId: string) => RowScope>("dropmate/persistence/ScopeOfDriver", {
  defaultValue: () => driverScope
})

/**
 * When PostgreSQL plans a transaction's statements. `once`: a plan for each statement and connection, for whatever finds its rows by
 * their keys; planning was two fifths of what the database did for an order. `each_time`: as PostgreSQL sees fit, for what filters and
 * searches, where the best plan depends on what is asked for.
 */
export type Planning = "once" | "each_time"

const planCacheModes = { once: "force_generic_plan", each_time: "auto" } as const satisfies Record<Planning, string>

/**
 * Runs an effect in one transaction whose settings (`app.user_id`, `app.driver_id`, `app.customer_id`, `app.roles`, `app.request_id`)
 * name the caller. The settings are local to the transaction, since statements of several fibers share a connection; a
 * transaction inside another one is a savepoint of the same scope. A failure rolls everything back.
 */
export const inRowScope = <A, E, R>(
  scope: RowScope,
  effect: Effect.Effect<A, E, R>,
  planning: Planning = "once"
): Effect.Effect<A, E | SqlError.SqlError, R | SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const settings = sql`SELECT set_config('app.user_id', ${scope.userId ?? ""}, true),
      set_config('app.driver_id', ${scope.driverId ?? ""}, true),
      set_config('app.customer_id', ${scope.customerId ?? ""}, true),
      set_config('app.roles', ${[...scope.roles].join(",")}, true),
      set_config('app.request_id', ${scope.requestId ?? ""}, true),
      set_config('plan_cache_mode', ${planCacheModes[planning]}, true)`
    return yield* sql.withTransaction(Effect.andThen(settings, effect)).pipe(Effect.catchCause(lostConnection))
  })

/** Runs the server's own statements on a pool: they see every row. For what nobody asked for, and never with what somebody sent. */
export const systemOn =
  (sql: SqlClient.SqlClient) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError.SqlError, Exclude<R, SqlClient.SqlClient>> =>
    Effect.provideService(inRowScope(systemScope, effect, "each_time"), SqlClient.SqlClient, sql)

// `withTransaction` dies of a COMMIT or ROLLBACK that PostgreSQL did not hear. That is a lost connection and no defect: the
// caller is told to try again (after a COMMIT the outcome is unknown, which is what Idempotency-Keys are for).
const lostConnection = <E>(cause: Cause.Cause<E>): Effect.Effect<never, E | SqlError.SqlError> => {
  for (const reason of cause.reasons) {
    if (reason._tag === "Die" && SqlError.isSqlError(reason.defect)) return Effect.fail(reason.defect)
  }
  return Effect.failCause(cause)
}
