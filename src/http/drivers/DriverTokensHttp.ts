import { Clock, Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Limits } from "../../config/Limits.ts"
import { AccessTokens } from "../../identity/AccessTokens.ts"
import { isRole } from "../../identity/Principal.ts"
import { DriverRepo, type TokenDriverRow } from "../../persistence/drivers/DriverRepo.ts"
import { AuthSessionRepo } from "../../persistence/identity/AuthSessionRepo.ts"
import { newIds } from "../../persistence/NewId.ts"
import { RowAbsent } from "../../persistence/RowAbsent.ts"
import { Api } from "../Api.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import { type FieldProblem, Problem } from "../Problem.ts"

const mayDrive = (driver: TokenDriverRow): boolean =>
  driver.employment_status === "active" || driver.employment_status === "invited"

// Told by position: with 1,000 ids in a request the id alone would make the client search.
const unusable = (
  ids: ReadonlyArray<string>,
  found: ReadonlyMap<string, TokenDriverRow>
): ReadonlyArray<FieldProblem> =>
  ids.flatMap((id, index): ReadonlyArray<FieldProblem> => {
    const driver = found.get(id)
    const pointer = `/driver_ids/${index}`
    if (driver === undefined) return [{ pointer, code: "not_found", detail: "names no driver" }]
    return mayDrive(driver) ? [] : [{ pointer, code: "invalid_value", detail: "names a suspended driver" }]
  })

/** Handlers of DriverTokensApi. */
export const DriverTokensHttp = HttpApiBuilder.group(
  Api,
  "driverTokens",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const tokens = yield* AccessTokens
    const drivers = yield* DriverRepo
    const sessions = yield* AuthSessionRepo

    const keepSessions = Effect.fnUntraced(function* (found: ReadonlyArray<TokenDriverRow>, ttlS: number) {
      const ids = yield* newIds(found.length)
      const expiresAt = new Date((yield* Clock.currentTimeMillis) + ttlS * 1000)
      yield* sessions.insertProvisioned(
        ids,
        found.map((driver) => driver.user_id),
        expiresAt
      )
      return found.map((driver, index) => ({ driver, sessionId: ids[index] ?? "" }))
    })

    const issue = (driver: TokenDriverRow, sessionId: string, ttlS: number) => {
      const roles = driver.roles.filter(isRole).filter((role) => role === "driver")
      return tokens.issue({ userId: driver.user_id, sessionId, roles, driverId: driver.id }, ttlS)
    }

    return handlers.handleAll({
      issue: Effect.fn("DriverTokensHttp.issue")(function* ({ params, payload }) {
        const ttlS = payload?.ttl_s ?? limits.provisionedTokenTtlS
        const kept = yield* scope.run(
          Effect.gen(function* () {
            const [driver] = yield* drivers.forTokens([params.id])
            if (driver === undefined) return yield* new RowAbsent({ kind: "driver", id: params.id })
            if (!mayDrive(driver)) return yield* new Problem({ code: "driver_suspended" })
            return yield* keepSessions([driver], ttlS)
          })
        )
        const [first] = yield* Effect.forEach(kept, ({ driver, sessionId }) => issue(driver, sessionId, ttlS))
        return { access_token: first?.token ?? "", expires_in_s: ttlS }
      }),
      issueMany: Effect.fn("DriverTokensHttp.issueMany")(function* ({ payload }) {
        const ttlS = payload.ttl_s ?? limits.provisionedTokenTtlS
        const kept = yield* scope.run(
          Effect.gen(function* () {
            const found = yield* drivers.forTokens(payload.driver_ids)
            const errors = unusable(payload.driver_ids, new Map(found.map((driver) => [driver.id, driver])))
            if (errors.length > 0) return yield* new Problem({ code: "invalid_body", errors: errors.slice(0, 20) })
            return yield* keepSessions(found, ttlS)
          })
        )
        const data = yield* Effect.forEach(
          kept,
          ({ driver, sessionId }) =>
            Effect.map(issue(driver, sessionId, ttlS), ({ token }) => ({
              driver_id: driver.id,
              access_token: token,
              expires_in_s: ttlS
            })),
          { concurrency: 16 }
        )
        return { data }
      })
    })
  })
)
