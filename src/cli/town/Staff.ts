import type { RestClient } from "../../client/RestClient.ts"
import { type Customer, customerOf } from "./Customer.ts"

/** Somebody of the shop: asks for more than a customer, and for whatever there is. */
export interface Staff extends Customer {
  readonly rest: RestClient
}

/** Whoever signed in. */
export const staffOf = (rest: RestClient): Staff => ({ ...customerOf(rest), rest })
