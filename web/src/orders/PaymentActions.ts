import type { ActorKind } from "../../../src/domain/Actor.ts"
import type { Money } from "../../../src/domain/Money.ts"
import { decidePayment, type PaymentStatus, refundableAmount } from "../../../src/domain/Payment.ts"
import type { PaymentAnswer } from "./OrderView.ts"
import type { ApiRoutes } from "./Rights.ts"

/** What staff can do with a payment. */
export type PaymentActionName = "capture" | "void" | "refund"

/** How an action is said, and where it is asked. */
export interface PaymentAction {
  readonly name: PaymentActionName
  readonly label: string
  /** Path of the request. */
  readonly path: string
}

const actions: ReadonlyArray<readonly [PaymentActionName, label: string, route: string]> = [
  ["capture", "Capture", "payment/capture"],
  ["void", "Void", "payment/void"],
  ["refund", "Refund", "refunds"]
]

/** What is settled and was not given back; what is under way counts as given. */
export const leftOf = ({ settled, refunded }: PaymentAnswer): Money => ({
  amount: refundableAmount(settled.amount, refunded.amount),
  currency: settled.currency
})

/** What can be done with a payment now: what its machine takes from this person, as far as the server has a route for it. */
export const paymentActionsOf = (
  payment: PaymentAnswer,
  orderId: string,
  by: ActorKind,
  routes: ApiRoutes
): ReadonlyArray<PaymentAction> =>
  actions
    .filter(([name, , route]) => {
      const decision = decidePayment(payment.status as PaymentStatus, name, by)
      const takes = decision._tag === "Accepted" && decision.events.length > 0
      return takes && routes.has(`POST /v1/orders/{id}/${route}`) && (name !== "refund" || leftOf(payment).amount > 0)
    })
    .map(([name, label, route]) => ({ name, label, path: `/v1/orders/${orderId}/${route}` }))
