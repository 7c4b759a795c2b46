import { DeliveryRest } from "../../client/DeliveryRest.ts"
import { PaymentsRest } from "../../client/PaymentsRest.ts"
import type { RestClient } from "../../client/RestClient.ts"

/** Somebody with an account, and what they can ask for. */
export interface Customer {
  readonly orders: DeliveryRest
  readonly payments: PaymentsRest
}

/** Whoever signed in. */
export const customerOf = (rest: RestClient): Customer => ({
  orders: new DeliveryRest(rest),
  payments: new PaymentsRest(rest)
})
