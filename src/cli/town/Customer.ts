import { DeliveryRest } from "../../client/DeliveryRest.ts"
import { MessagesRest } from "../../client/MessagesRest.ts"
import { PaymentsRest } from "../../client/PaymentsRest.ts"
import type { RestClient } from "../../client/RestClient.ts"

/** Somebody with an account, and what they can ask for. What staff may ask is more. */
export interface Customer {
  readonly orders: DeliveryRest
  readonly payments: PaymentsRest
  readonly messages: MessagesRest
}

/** Whoever signed in. */
export const customerOf = (rest: RestClient): Customer => ({
  orders: new DeliveryRest(rest),
  payments: new PaymentsRest(rest),
  messages: new MessagesRest(rest)
})
