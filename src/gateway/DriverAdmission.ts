import { Duration, Effect } from "effect"
import { DriverTasks } from "../actors/tasks/DriverTasks.ts"
import type { Limits } from "../config/Limits.ts"
import { AccessTokens } from "../identity/AccessTokens.ts"
import type { Principal } from "../identity/Principal.ts"
import { Revocations } from "../identity/Revocations.ts"
import { DriverSessionRepo } from "../persistence/drivers/DriverSessionRepo.ts"
import { CloseCode } from "../protocol/CloseCode.ts"
import type { Admission } from "./DriverSocket.ts"
import type { Hello } from "./Hello.ts"

const refused = (code: CloseCode, retryAfterMs = 0): Admission => ({ _tag: "Refused", code, retryAfterMs })

/** HELLO step by step: whose token, may they drive, what they have to do, and the device's session with its cursor. */
export const makeAdmission = (node: string, limits: Limits) =>
  Effect.gen(function* () {
    const tokens = yield* AccessTokens
    const revocations = yield* Revocations
    const sessions = yield* DriverSessionRepo
    const driverTasks = yield* DriverTasks

    const principalOf = (hello: Hello, header: Principal | undefined): Effect.Effect<Principal | Admission> => {
      if (hello.token === undefined) return Effect.succeed(header ?? refused(CloseCode.tokenInvalid))
      return Effect.match(tokens.verify(hello.token), {
        onSuccess: (principal): Principal | Admission => principal,
        onFailure: (error) =>
          error._tag === "TokenExpired"
            ? refused(CloseCode.tokenExpired, limits.retryAfterMs)
            : refused(CloseCode.tokenInvalid)
      })
    }

    const open = (hello: Hello, principal: Principal, driverId: string): Effect.Effect<Admission> =>
      Effect.flatMap(driverTasks.prepare(driverId), (work) =>
        Effect.map(sessions.open({ ...hello, driverId }, node), (session) => ({ session, work }))
      ).pipe(
        Effect.timeout(Duration.millis(limits.databaseConnectMs)),
        Effect.match({
          onSuccess: ({ session, work }): Admission => ({ _tag: "Admitted", principal, session, work }),
          onFailure: (error): Admission => {
            driverTasks.settle(driverId)
            switch (error._tag) {
              case "DriverNotPermitted":
              case "TooManyDevices":
                return refused(CloseCode.notPermitted)
              case "SessionReplaced":
                return refused(CloseCode.replaced)
              default:
                return refused(CloseCode.databaseUnavailable, limits.retryAfterMs)
            }
          }
        })
      )

    return (hello: Hello, header: Principal | undefined): Effect.Effect<Admission> =>
      Effect.flatMap(principalOf(hello, header), (principal) => {
        if ("_tag" in principal) return Effect.succeed(principal)
        if (revocations.isRevoked(principal)) return Effect.succeed(refused(CloseCode.tokenInvalid))
        if (principal.driverId === undefined) return Effect.succeed(refused(CloseCode.notPermitted))
        return open(hello, principal, principal.driverId)
      })
  })
