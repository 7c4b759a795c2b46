import { Context, Effect, Layer } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { inRowScope, type RowScope } from "../persistence/RowScope.ts"
import { CurrentPrincipal } from "./Authenticated.ts"
import { CurrentRequest } from "./RequestFacts.ts"

/** Runs what a handler asks of the repos in one transaction, in the row scope of whoever sent the request. */
export class PrincipalScope extends Context.Service<
  PrincipalScope,
  {
    readonly run: <A, E, R>(
      effect: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | SqlError.SqlError, R | CurrentPrincipal>
  }
>()("dropmate/http/PrincipalScope") {
  static readonly layer = Layer.effect(
    PrincipalScope,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      return PrincipalScope.of({
        run: Effect.fnUntraced(function* (effect) {
          const principal = yield* CurrentPrincipal
          const { requestId } = yield* CurrentRequest
          const scope: RowScope = {
            userId: principal.userId,
            driverId: principal.driverId,
            customerId: principal.customerId,
            roles: principal.roles,
            requestId
          }
          return yield* Effect.provideService(inRowScope(scope, effect), SqlClient.SqlClient, sql)
        })
      })
    })
  )
}
