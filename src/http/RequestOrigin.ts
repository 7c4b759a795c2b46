import { Clock, Effect } from "effect"
import type { Actor } from "../domain/Actor.ts"
import type { Principal } from "../identity/Principal.ts"
import type { EventOrigin } from "../persistence/shipments/ShipmentEventRepo.ts"
import { CurrentPrincipal } from "./Authenticated.ts"
import { CurrentRequest } from "./RequestFacts.ts"

/** As whom a principal acts: the widest of their roles. */
export const actorOf = ({ roles, userId }: Principal): Actor => {
  if (roles.has("admin")) return { kind: "admin", id: userId }
  return { kind: roles.has("dispatcher") ? "dispatcher" : "customer", id: userId }
}

/** Where events of the request under way come from. */
export const requestOrigin: Effect.Effect<EventOrigin, never, CurrentPrincipal> = Effect.gen(function* () {
  const principal = yield* CurrentPrincipal
  const { requestId } = yield* CurrentRequest
  return {
    actor: actorOf(principal),
    cause: `request ${requestId}`,
    occurredAt: new Date(yield* Clock.currentTimeMillis)
  }
})
