import { PgClient } from "@effect/sql-pg"
import { Context, Effect, Layer, Redacted } from "effect"
import { Reactivity } from "effect/reactivity"
import { Limits } from "../config/Limits.ts"

/** Where PostgreSQL is, as the owner of the schema. Each pool takes its own role in the startup packet. */
export const DatabaseUrl = Context.Service<Redacted.Redacted>("dropmate/persistence/DatabaseUrl")

/** The roles of db/schema/00_foundation.sql. */
export type DatabaseRole = "dropmate_app" | "dropmate_writer" | "dropmate_jobs" | "dropmate_cluster"

/**
 * The pool of single reads that the server makes for itself, and never with what somebody sent but a key: role `dropmate_app`, each
 * connection in the system's row scope from its start. So a statement is one way to PostgreSQL and back, where a transaction with
 * its scope is four; and pages that come back all at once do not take the connections that requests need.
 */
export class SystemDatabase extends Context.Service<SystemDatabase, PgClient.PgClient>()(
  "dropmate/persistence/SystemDatabase"
) {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const limits = yield* Limits
      return yield* PgClient.make({
        url: yield* DatabaseUrl,
        applicationName: "dropmate-system",
        preparedStatementCacheSize: limits.preparedStatementsMax,
        startupParameters: {
          role: "dropmate_app" satisfies DatabaseRole,
          timezone: "UTC",
          jit: "off",
          "app.roles": "system",
          // Each of its statements goes by keys; to plan the reading of a tracked order took 6 ms, to run it 0.2.
          plan_cache_mode: "force_generic_plan"
        },
        maxConnections: limits.systemConnectionsMax,
        connectTimeout: limits.databaseConnectMs,
        multiplex: true
      })
    })
  ).pipe(Layer.provide(Reactivity.layer))
}

/**
 * The application's pool: role `dropmate_app`, which owns nothing and is subject to row security. `SqlClient` of every repo.
 * Statements of several fibers share a connection, so a setting must be local to a transaction.
 */
const AppPool = Layer.unwrap(
  Effect.gen(function* () {
    const url = yield* DatabaseUrl
    const limits = yield* Limits
    return PgClient.layer({
      url,
      applicationName: "dropmate-app",
      preparedStatementCacheSize: limits.preparedStatementsMax,
      // What these statements do takes less than compiling them.
      startupParameters: { role: "dropmate_app" satisfies DatabaseRole, timezone: "UTC", jit: "off" },
      maxConnections: limits.appConnectionsMax,
      connectTimeout: limits.databaseConnectMs,
      multiplex: true
    })
  })
)

/** What repos stand on. */
export const AppDatabase = Layer.merge(AppPool, SystemDatabase.layer)

/** The pool of the nodes that share shipments: role `dropmate_cluster`, whose schema holds who runs and which shards they have. */
export const ClusterDatabase = Layer.unwrap(
  Effect.gen(function* () {
    const url = yield* DatabaseUrl
    const limits = yield* Limits
    return PgClient.layer({
      url,
      applicationName: "dropmate-cluster",
      startupParameters: { role: "dropmate_cluster" satisfies DatabaseRole, search_path: "dropmate_cluster" },
      maxConnections: limits.clusterConnectionsMax,
      connectTimeout: limits.databaseConnectMs
    })
  })
)

/** Connection settings of `pg` for one role: for what `@effect/sql-pg` cannot do (COPY, whole files of SQL). */
export const pgSettings = (
  url: Redacted.Redacted,
  applicationName: string,
  role?: DatabaseRole,
  connectMs?: number
) => ({
  connectionString: Redacted.value(url),
  application_name: applicationName,
  options: role === undefined ? "-c timezone=UTC" : `-c role=${role} -c timezone=UTC`,
  keepAlive: true,
  ...(connectMs === undefined ? {} : { connectionTimeoutMillis: connectMs })
})

/** The pool of what may be late: role `dropmate_jobs`. */
export class JobsDatabase extends Context.Service<JobsDatabase, PgClient.PgClient>()(
  "dropmate/persistence/JobsDatabase"
) {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const limits = yield* Limits
      return yield* PgClient.make({
        url: yield* DatabaseUrl,
        applicationName: "dropmate-jobs",
        preparedStatementCacheSize: limits.preparedStatementsMax,
        startupParameters: { role: "dropmate_jobs" satisfies DatabaseRole, timezone: "UTC" },
        maxConnections: limits.jobsConnectionsMax,
        connectTimeout: limits.databaseConnectMs
      })
    })
  )
}
