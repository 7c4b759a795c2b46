import { Clock, Effect } from "effect"
import { Limits } from "../../config/Limits.ts"
import { systemActor } from "../../domain/Actor.ts"
import { fromDecimal } from "../../domain/Money.ts"
import { capturePolicies, paymentConsequence, refundableAmount, returnPolicies } from "../../domain/Payment.ts"
import { OrderRepo } from "../../persistence/orders/OrderRepo.ts"
import { PaymentOperationRepo } from "../../persistence/payments/PaymentOperationRepo.ts"
import { PaymentRepo } from "../../persistence/payments/PaymentRepo.ts"
import { SettingRepo } from "../../persistence/SettingRepo.ts"
import type { EventOrigin } from "../../persistence/shipments/ShipmentEventRepo.ts"
import { makePaymentIntentions } from "./PaymentIntentions.ts"

/** Decides what follows from an order's state for its payment, in the caller's transaction. */
export const makePaymentFollowing = Effect.gen(function* () {
  const limits = yield* Limits
  const orders = yield* OrderRepo
  const payments = yield* PaymentRepo
  const operations = yield* PaymentOperationRepo
  const settings = yield* SettingRepo
  const intentions = yield* makePaymentIntentions

  const policies = Effect.gen(function* () {
    const [capture, returned] = yield* Effect.all([settings.get("payments.capture"), settings.get("payments.returned")])
    return {
      capture: capturePolicies.find((each) => each === capture) ?? "on_delivery",
      returned: returnPolicies.find((each) => each === returned) ?? "refund"
    }
  })

  /** Keeps what follows from an order's state for its payment as an intention, and that it was looked at. */
  return Effect.fnUntraced(function* (orderId: string) {
    yield* orders.lock(orderId)
    const payment = yield* payments.ofOrder(orderId)
    if (payment === undefined) return
    // What is under way may end the question; if it does not, it is asked again.
    if ((yield* operations.openOf(payment.id)) !== undefined)
      return yield* payments.followAfter(payment.id, limits.paymentLeaseMs)
    const order = yield* payments.paidOrder(orderId)
    const { currency } = payment
    const settled = fromDecimal(payment.settled_amount, currency).amount
    const refundable = refundableAmount(settled, fromDecimal(payment.refunded_amount, currency).amount)
    const wanted = paymentConsequence({
      status: payment.status,
      orderStatus: order.status,
      isReturned: order.is_returned,
      refundable,
      ...(yield* policies)
    })
    const origin: EventOrigin = {
      actor: systemActor,
      cause: `order ${order.status}`,
      occurredAt: new Date(yield* Clock.currentTimeMillis)
    }
    yield* payments.followed(payment.id)
    if (wanted === "refund")
      yield* intentions.addRefund(payment, { amount: refundable, currency }, origin.cause, origin, true)
    else if (wanted !== undefined) yield* intentions.intend(payment, wanted, origin, true)
  })
})
