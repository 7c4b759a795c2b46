import { Effect, Redacted } from "effect"
import { fromDecimal, type Money } from "../../domain/Money.ts"
import {
  decidePayment,
  isRefundable,
  type PaymentCommand,
  payableStatuses,
  refundableAmount
} from "../../domain/Payment.ts"
import type { Refused } from "../../domain/Refused.ts"
import { newId } from "../../persistence/NewId.ts"
import { OrderRepo } from "../../persistence/orders/OrderRepo.ts"
import { PaymentOperationRepo } from "../../persistence/payments/PaymentOperationRepo.ts"
import { PaymentRepo } from "../../persistence/payments/PaymentRepo.ts"
import { RowAbsent } from "../../persistence/RowAbsent.ts"
import type { EventOrigin } from "../../persistence/shipments/ShipmentEventRepo.ts"
import { PaymentProcessors, type ProcessorName } from "../../processors/PaymentProcessor.ts"
import { CommandRefused } from "../CommandRefused.ts"
import type { Intention } from "./KeyedIntentions.ts"
import { makePaymentIntentions } from "./PaymentIntentions.ts"
import {
  MethodUnavailable,
  PaymentBusy,
  PaymentTokenWrong,
  RefundCurrencyWrong,
  RefundTooLarge
} from "./PaymentRefused.ts"

/** How somebody wants to pay. */
export interface PaymentMeans {
  readonly method: ProcessorName
  readonly token: Redacted.Redacted
}

/** Nothing to carry out. */
const nothing: Intention = { operationId: undefined, claim: undefined }

const refuse = ({ code, detail, allowed }: Refused) => new CommandRefused({ code, detail, allowed })

/** Who would take such means. */
const processorOf = Effect.fnUntraced(function* (
  processors: PaymentProcessors["Service"],
  { method, token }: PaymentMeans
) {
  const processor = processors.get(method)
  if (processor === undefined)
    return yield* new MethodUnavailable({
      detail:
        method === "stripe"
          ? "is not available: this server has no STRIPE_SECRET_KEY"
          : "is not available: this server takes real payments"
    })
  const fault = processor.tokenFault(Redacted.value(token))
  if (fault !== undefined) return yield* new PaymentTokenWrong({ detail: fault })
  return processor.name
})

/** Decides what is asked of payments and keeps it as an intention, in the caller's transaction. Nothing is asked of a processor here. */
export const makePaymentAsking = Effect.gen(function* () {
  const orders = yield* OrderRepo
  const payments = yield* PaymentRepo
  const operations = yield* PaymentOperationRepo
  const { intend, addRefund } = yield* makePaymentIntentions
  const processors = yield* PaymentProcessors

  const lockedPayment = Effect.fnUntraced(function* (orderId: string) {
    yield* orders.lock(orderId)
    const payment = yield* payments.ofOrder(orderId)
    return payment ?? (yield* new RowAbsent({ kind: "payment", id: orderId }))
  })

  /** Begins to pay an order, or begins again after a failure. */
  const pay = Effect.fnUntraced(function* (orderId: string, means: PaymentMeans, origin: EventOrigin) {
    const { status: orderStatus } = yield* orders.lock(orderId)
    if (!payableStatuses.includes(orderStatus))
      return yield* new CommandRefused({
        code: "illegal_transition",
        detail: `a ${orderStatus} order cannot be paid`,
        allowed: []
      })
    const processor = yield* processorOf(processors, means)
    const order = yield* payments.paidOrder(orderId)
    const found = yield* payments.ofOrder(orderId)
    if (found === undefined) {
      const amount = fromDecimal(order.total, order.currency)
      return yield* intend(yield* payments.insert(yield* newId, orderId, processor, amount), "authorize", origin, false)
    }
    if (found.status === "pending") return yield* new PaymentBusy({ orderId })
    if (found.status !== "failed") {
      const decision = decidePayment(found.status, "authorize", origin.actor.kind)
      return decision._tag === "Refused" ? yield* refuse(decision) : nothing
    }
    const decision = decidePayment(found.status, "retry", origin.actor.kind)
    if (decision._tag === "Refused") return yield* refuse(decision)
    yield* payments.begin(found.id, processor)
    return yield* intend({ ...found, processor }, "authorize", origin, false)
  })

  const move = Effect.fnUntraced(function* (
    orderId: string,
    command: PaymentCommand & ("capture" | "void"),
    origin: EventOrigin
  ) {
    const payment = yield* lockedPayment(orderId)
    if ((yield* operations.openOf(payment.id)) !== undefined) return yield* new PaymentBusy({ orderId })
    const decision = decidePayment(payment.status, command, origin.actor.kind)
    if (decision._tag === "Refused") return yield* refuse(decision)
    return decision.events.length === 0 ? nothing : yield* intend(payment, command, origin, false)
  })

  const refund = Effect.fnUntraced(function* (
    orderId: string,
    asked: Money | undefined,
    reason: string | undefined,
    origin: EventOrigin
  ) {
    const payment = yield* lockedPayment(orderId)
    const { currency } = payment
    const settled = fromDecimal(payment.settled_amount, currency).amount
    const refunded = fromDecimal(payment.refunded_amount, currency).amount
    const left = refundableAmount(settled, refunded)
    if (payment.status !== "refunded") {
      const decision = decidePayment(payment.status, "refund", origin.actor.kind)
      if (decision._tag === "Refused") return yield* refuse(decision)
    }
    if (asked !== undefined && asked.currency !== currency) return yield* new RefundCurrencyWrong({ currency })
    const amount = asked?.amount ?? left
    if (!isRefundable(amount, settled, refunded)) return yield* new RefundTooLarge({ left, currency })
    return yield* addRefund(payment, { amount, currency }, reason, origin, false)
  })

  return { pay, move, refund }
})
