import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { Limits } from "../../config/Limits.ts"
import { Revocations } from "../../identity/Revocations.ts"

/** One thing that must hold before traffic may come. `undefined` means it holds; else one line for an operator. */
export interface ReadinessCheck {
  readonly name: string
  readonly problem: Effect.Effect<string | undefined>
}

/** The outcome of one check. */
export interface CheckedReadiness {
  readonly name: string
  readonly ok: boolean
  readonly detail?: string
}

/** Whether this node can work. Whoever builds the server says which checks that takes. */
export class Readiness extends Context.Service<
  Readiness,
  { readonly report: Effect.Effect<ReadonlyArray<CheckedReadiness>> }
>()("dropmate/http/ops/Readiness") {
  static readonly layer = (checks: ReadonlyArray<ReadinessCheck>) =>
    Layer.effect(
      Readiness,
      Effect.gen(function* () {
        const limits = yield* Limits
        const run = ({ name, problem }: ReadinessCheck): Effect.Effect<CheckedReadiness> =>
          problem.pipe(
            Effect.timeoutOrElse({
              duration: limits.readinessCheckMs,
              orElse: () => Effect.succeed(`no answer within ${limits.readinessCheckMs} ms`)
            }),
            Effect.map((detail) => (detail === undefined ? { name, ok: true } : { name, ok: false, detail }))
          )
        return Readiness.of({ report: Effect.forEach(checks, run, { concurrency: "unbounded" }) })
      })
    )
}

/** Whether PostgreSQL answers the application's pool. */
export const databaseCheck: Effect.Effect<ReadinessCheck, never, SqlClient.SqlClient> = Effect.map(
  SqlClient.SqlClient,
  (sql) => ({
    name: "database",
    problem: sql`SELECT 1`.pipe(
      Effect.as(undefined),
      Effect.catch((error) => Effect.succeed(`PostgreSQL does not answer (${error.reason._tag})`))
    )
  })
)

/** Whether this node hears of revoked sessions. */
export const revocationsCheck: Effect.Effect<ReadinessCheck, never, Revocations> = Effect.map(
  Revocations,
  (revocations) => ({
    name: "revocations",
    problem: Effect.sync(() => (revocations.isListening() ? undefined : "revocations are not heard"))
  })
)
