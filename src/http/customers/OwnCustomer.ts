import { Effect } from "effect"
import { CurrentPrincipal } from "../Authenticated.ts"
import { Problem } from "../Problem.ts"

/** The customer that the caller is. A token from before somebody became one, and staff, are none. */
export const ownCustomerId = Effect.flatMap(CurrentPrincipal, ({ customerId }) =>
  customerId === undefined ? Effect.fail(new Problem({ code: "not_permitted" })) : Effect.succeed(customerId)
)
