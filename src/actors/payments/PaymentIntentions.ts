import { Effect } from "effect"
import { Limits } from "../../config/Limits.ts"
import type { Money } from "../../domain/Money.ts"
import { newId } from "../../persistence/NewId.ts"
import { PaymentOperationRepo } from "../../persistence/payments/PaymentOperationRepo.ts"
import type { PaymentRow } from "../../persistence/payments/PaymentRepo.ts"
import { RefundRepo } from "../../persistence/payments/RefundRepo.ts"
import type { EventOrigin } from "../../persistence/shipments/ShipmentEventRepo.ts"
import type { Intention } from "./KeyedIntentions.ts"

/** Keeps what is to be asked of a processor, in the caller's transaction, which holds the order's row. */
export const makePaymentIntentions = Effect.gen(function* () {
  const limits = yield* Limits
  const operations = yield* PaymentOperationRepo
  const refunds = yield* RefundRepo

  /** `isOurs`: it follows from the order's state, and the sweep carries it out. */
  const intend = Effect.fnUntraced(function* (
    payment: Pick<PaymentRow, "id" | "processor" | "processor_ref" | "amount">,
    operation: "authorize" | "capture" | "void" | "refund",
    origin: EventOrigin,
    isOurs: boolean,
    refundId?: string
  ) {
    const id = yield* newId
    yield* operations.insert({
      id,
      paymentId: payment.id,
      operation,
      refundId,
      processor: payment.processor,
      processorRef: operation === "authorize" ? null : payment.processor_ref,
      amount: payment.amount,
      origin,
      leaseMs: isOurs ? 0 : limits.paymentLeaseMs,
      // Only whoever pays has the means to pay: they are given time to come back after a crash.
      dueMs: isOurs ? 0 : operation === "authorize" ? limits.paymentAbandonMs : limits.paymentLeaseMs
    })
    const intention: Intention = { operationId: id, claim: isOurs ? undefined : 1 }
    return intention
  })

  /** Keeps a refund; `isOurs`: it follows from the order's end, and the sweep carries it out. */
  const addRefund = Effect.fnUntraced(function* (
    payment: PaymentRow,
    amount: Money,
    reason: string | undefined,
    origin: EventOrigin,
    isOurs: boolean
  ) {
    const id = yield* newId
    yield* refunds.insert({ id, paymentId: payment.id, amount, reason, requestedBy: origin.actor.id })
    const { amount: text } = yield* refunds.get(id).pipe(Effect.catchTag("RowAbsent", Effect.die))
    return yield* intend({ ...payment, amount: text }, "refund", origin, isOurs, id)
  })

  return { intend, addRefund }
})
