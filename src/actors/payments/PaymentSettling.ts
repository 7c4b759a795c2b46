import { Clock, Effect } from "effect"
import type { SqlClient } from "effect/sql"
import { Limits } from "../../config/Limits.ts"
import { systemActor } from "../../domain/Actor.ts"
import { fromDecimal } from "../../domain/Money.ts"
import type { PaymentEventType } from "../../domain/Payment.ts"
import { OrderRepo } from "../../persistence/orders/OrderRepo.ts"
import { type OperationRow, PaymentOperationRepo } from "../../persistence/payments/PaymentOperationRepo.ts"
import { type PaymentChange, PaymentRepo } from "../../persistence/payments/PaymentRepo.ts"
import { RefundRepo } from "../../persistence/payments/RefundRepo.ts"
import { systemOn } from "../../persistence/RowScope.ts"
import { type EventOrigin, ShipmentEventRepo } from "../../persistence/shipments/ShipmentEventRepo.ts"
import type { ProcessorAnswer } from "../../processors/PaymentProcessor.ts"
import { Shipments } from "../shipments/Shipments.ts"

/** What a processor said, and to what. */
export interface ProcessorWord {
  readonly answer: ProcessorAnswer
  readonly kind: OperationRow["operation"] | "inquire"
  /** The reference that the answer is about. */
  readonly ref: string | undefined
}

type Change = PaymentChange & { readonly event: PaymentEventType }

/** What an answer makes of a payment; undefined when it stays as it is. */
const changeOf = (operation: OperationRow["operation"], answer: ProcessorAnswer): Change | undefined => {
  if (answer._tag === "Unknown" || operation === "refund") return undefined
  if (answer._tag === "Succeeded") {
    if (operation === "authorize") return { status: "authorized", event: "payment.authorized" }
    if (operation === "capture") return { status: "settled", isSettled: true, event: "payment.settled" }
    return { status: "failed", failureCode: "voided", event: "payment.voided" }
  }
  const failed: Change = { status: "failed", failureCode: answer.code, event: "payment.failed" }
  if (operation === "authorize") return failed
  // A capture that the bank declines has nothing left to take; one that failed by our fault can be asked again.
  return operation === "capture" && answer._tag === "Declined" ? failed : undefined
}

const outcomeOf = { Succeeded: "succeeded", Declined: "declined", Failed: "failed" } as const

/** Appends a payment's event to its order's log, as the doing of whoever asked. */
const telling = (log: ShipmentEventRepo["Service"]) =>
  Effect.fnUntraced(function* (operation: OperationRow, type: PaymentEventType, failureCode?: string) {
    const { payment_id, refund_id, order_id, currency } = operation
    const data = {
      payment_id,
      ...(refund_id === null ? {} : { refund_id }),
      ...fromDecimal(operation.amount, currency),
      ...(failureCode === undefined ? {} : { failure_code: failureCode })
    }
    const origin: EventOrigin = {
      actor: { kind: operation.actor_kind, id: operation.actor_id ?? undefined },
      cause: operation.cause,
      occurredAt: new Date(yield* Clock.currentTimeMillis)
    }
    yield* log.append(order_id, [{ type, data }], origin)
  })

/** Keeps what a processor answered, with all that follows from it, in one transaction of its own. */
export const makePaymentSettling = Effect.gen(function* () {
  const limits = yield* Limits
  const orders = yield* OrderRepo
  const payments = yield* PaymentRepo
  const operations = yield* PaymentOperationRepo
  const refunds = yield* RefundRepo
  const tell = telling(yield* ShipmentEventRepo)
  const shipments = yield* Shipments

  const endRefund = Effect.fnUntraced(function* (operation: OperationRow, refundId: string, answer: ProcessorAnswer) {
    if (answer._tag !== "Succeeded") {
      yield* refunds.end(refundId, "failed")
      return yield* payments.followAfter(operation.payment_id, limits.paymentFollowRetryMs)
    }
    yield* refunds.end(refundId, "succeeded", answer.ref)
    const { settled_amount, status } = yield* payments.get(operation.payment_id)
    const isWhole = (yield* refunds.succeededSum(operation.payment_id)) === settled_amount
    if (isWhole && status === "settled") yield* payments.change(operation.payment_id, { status: "refunded" })
    yield* tell(operation, "payment.refunded")
  })

  /** An authorized payment confirms a submitted order, by whomever it was paid. */
  const confirmOrder = Effect.fnUntraced(function* (operation: OperationRow) {
    yield* shipments.confirm(operation.order_id, {
      actor: systemActor,
      cause: `payment ${operation.payment_id}`,
      occurredAt: new Date(yield* Clock.currentTimeMillis)
    })
  })

  const keep = Effect.fnUntraced(function* (operation: OperationRow, claim: number, word: ProcessorWord) {
    const { status: orderStatus } = yield* orders.lock(operation.order_id)
    if (!(yield* operations.holds(operation.id, claim))) return
    const { answer } = word
    yield* payments.addAttempt({
      paymentId: operation.payment_id,
      operation: word.kind,
      outcome: answer._tag === "Unknown" ? "unknown" : outcomeOf[answer._tag],
      amount: operation.amount,
      processorRef: word.ref,
      errorCode: answer._tag === "Succeeded" ? undefined : answer.code,
      requestId: operation.cause
    })
    if (answer._tag === "Unknown") {
      const afterMs = Math.min(limits.paymentInquiryMsMax, limits.paymentInquiryMs * 2 ** Math.min(claim - 1, 16))
      return yield* operations.leave(operation.id, afterMs)
    }
    yield* operations.end(operation.id, outcomeOf[answer._tag])
    if (operation.refund_id !== null) return yield* endRefund(operation, operation.refund_id, answer)
    const change = changeOf(operation.operation, answer)
    if (change === undefined) {
      yield* Effect.logWarning("payment_operation_refused", {
        payment_id: operation.payment_id,
        operation: operation.operation,
        code: answer._tag === "Succeeded" ? "" : answer.code
      })
      return yield* payments.followAfter(operation.payment_id, limits.paymentFollowRetryMs)
    }
    const { event, ...row } = change
    yield* payments.change(operation.payment_id, row)
    yield* tell(operation, event, row.failureCode)
    if (row.status === "authorized" && orderStatus === "submitted") yield* confirmOrder(operation)
  })

  /** An answer is kept once: by whoever holds the operation's newest claim, and never after its end. */
  return (sql: SqlClient.SqlClient, operation: OperationRow, claim: number, word: ProcessorWord) =>
    systemOn(sql)(keep(operation, claim, word))
})
