import { Context, Effect, Layer, Redacted } from "effect"
import { HttpRouter } from "effect/http"
import { bareId } from "../domain/Ids.ts"
import type { Principal } from "../identity/Principal.ts"
import { OrderRepo } from "../persistence/orders/OrderRepo.ts"
import { Access, type AccessRule, type PathParams, refuseAccess } from "./Access.ts"
import { Authenticated, Authentication, CurrentPrincipal } from "./Authenticated.ts"
import { PrincipalScope } from "./PrincipalScope.ts"
import { Problem } from "./Problem.ts"
import { RateLimits } from "./RateLimits.ts"

/** The live middleware. */
export const AuthenticatedLive = Layer.effect(
  Authenticated,
  Effect.gen(function* () {
    const authentication = yield* Authentication
    const rates = yield* RateLimits
    const orders = yield* OrderRepo
    const scope = yield* PrincipalScope

    /** Whether the path's order is the principal's own, where that makes it known. Asked only of who is refused anyway. */
    const isOwnOrder = Effect.fnUntraced(function* (rule: AccessRule, { customerId }: Principal, params: PathParams) {
      const orderId = rule.orKnownToItsCustomer === true ? bareId("order", params.id ?? "") : undefined
      if (orderId === undefined || customerId === undefined) return false
      const owner = orders.customerIdOf(orderId).pipe(Effect.catchTag("RowAbsent", () => Effect.succeed(undefined)))
      return (yield* scope.run(owner)) === customerId
    })

    return Authenticated.of({
      bearer: Effect.fnUntraced(function* (httpEffect, { credential, endpoint }) {
        const principal = yield* authentication.principalOf(Redacted.value(credential))
        yield* rates.count("principal", principal.userId)
        const rule = Context.getOrUndefined(endpoint.annotations, Access)
        const { params } = yield* HttpRouter.RouteContext
        const refused = rule === undefined ? undefined : refuseAccess(rule, principal, params)
        const admitted = Effect.provideService(CurrentPrincipal, principal)
        if (rule === undefined || refused === undefined) return yield* admitted(httpEffect)
        const isKnown = yield* admitted(isOwnOrder(rule, principal, params))
        return yield* isKnown ? new Problem({ code: "not_permitted" }) : refused
      })
    })
  })
)
