import { Context, Effect, Layer } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import type { Principal } from "../identity/Principal.ts"
import { inRowScope, type RowScope } from "../persistence/RowScope.ts"
import { CurrentPrincipal } from "./Authenticated.ts"
import { CurrentRequest } from "./RequestFacts.ts"

/**
 * Whose rows a principal's statements reach: their own. Only the trial of row security alone provides anything else (P18): there
 * the code takes a stranger for somebody with every role, so that each of its checks passes, and the rows stay the stranger's.
 */
export const ScopeOfPrincipal = Context.Reference<(principal: Principal) => RowScope>(
  "dropmate/http/ScopeOfPrincipal",
  {
    defaultValue:
      () =>
      ({ userId, driverId, customerId, roles }) => ({ userId, driverId, customerId, roles })
  }
)

/** Runs what a handler asks of the repos in one transaction, in the row scope of whoever sent the request. */
export class PrincipalScope extends Context.Service<
  PrincipalScope,
  {
    readonly run: <A, E, R>(
      effect: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | SqlError.SqlError, R | CurrentPrincipal>
    /** That row scope, for what runs in a transaction of its own. */
    readonly current: Effect.Effect<RowScope, never, CurrentPrincipal>
  }
>()("dropmate/http/PrincipalScope") {
  static readonly layer = Layer.effect(
    PrincipalScope,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const scopeOf = yield* ScopeOfPrincipal
      const current = Effect.gen(function* () {
        const principal = yield* CurrentPrincipal
        const { requestId } = yield* CurrentRequest
        return { ...scopeOf(principal), requestId } satisfies RowScope
      })
      return PrincipalScope.of({
        current,
        run: Effect.fnUntraced(function* (effect) {
          // Lists filter by whatever was asked for; a change finds what it changes by its keys.
          const planning = (yield* CurrentRequest).method === "GET" ? "each_time" : "once"
          return yield* Effect.provideService(inRowScope(yield* current, effect, planning), SqlClient.SqlClient, sql)
        })
      })
    })
  )
}
