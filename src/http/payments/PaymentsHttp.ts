import { Effect, Redacted, Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { Intention } from "../../actors/payments/KeyedIntentions.ts"
import { PaymentBusy } from "../../actors/payments/PaymentRefused.ts"
import { Payments } from "../../actors/payments/Payments.ts"
import { Limits } from "../../config/Limits.ts"
import { isPermitted, type Principal } from "../../identity/Principal.ts"
import { OrderRepo } from "../../persistence/orders/OrderRepo.ts"
import { PaymentOperationRepo } from "../../persistence/payments/PaymentOperationRepo.ts"
import { type AttemptRow, PaymentRepo, type PaymentRow } from "../../persistence/payments/PaymentRepo.ts"
import { RefundRepo, type RefundRow } from "../../persistence/payments/RefundRepo.ts"
import { RowAbsent } from "../../persistence/RowAbsent.ts"
import { Api } from "../Api.ts"
import { CurrentPrincipal } from "../Authenticated.ts"
import { cursorOf, idCursor } from "../Cursor.ts"
import { versioned } from "../ETag.ts"
import { type AnswerShape, Idempotency } from "../Idempotency.ts"
import { showMoney } from "../orders/CommerceField.ts"
import { knownOrder } from "../orders/OwnOrder.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import { Problem } from "../Problem.ts"
import { requestOrigin } from "../RequestOrigin.ts"
import { Payment, type PaymentAttempt, Refund } from "./PaymentsApi.ts"

const isBusy = (error: unknown): error is PaymentBusy => error instanceof PaymentBusy

const refundCursor = idCursor("refunds")

/** Whose order, and which part of the list. */
interface Listing {
  readonly params: { readonly id: string }
  readonly query: { readonly limit?: number; readonly cursor?: string }
}

const attemptCursor = cursorOf("payment attempts", Schema.Int)

const showAttempt = ({
  payment_id,
  attempt_no,
  operation,
  outcome,
  ...row
}: AttemptRow): typeof PaymentAttempt.Type => ({
  payment_id,
  number: attempt_no,
  operation,
  outcome,
  amount: showMoney(row.amount, row.currency),
  failure_code: row.error_code,
  attempted_at: row.attempted_at
})

const showPayment = (payment: PaymentRow): typeof Payment.Type => {
  const { id, order_id, status, currency, failure_code, created_at, updated_at } = payment
  return {
    id,
    order_id,
    status,
    method: payment.processor,
    amount: showMoney(payment.amount, currency),
    settled: showMoney(payment.settled_amount, currency),
    refunded: showMoney(payment.refunded_amount, currency),
    failure_code,
    created_at,
    updated_at
  }
}

const showRefund =
  (principal: Principal) =>
  ({ amount, currency, reason, ...refund }: RefundRow): typeof Refund.Type => ({
    ...refund,
    amount: showMoney(amount, currency),
    // A dispatcher's own words are not for customers.
    reason: isPermitted(principal, "orders.read") ? reason : null
  })

/** Handlers that list what became of a payment. */
const makePaymentLists = Effect.gen(function* () {
  const limits = yield* Limits
  const scope = yield* PrincipalScope
  const orders = yield* OrderRepo
  const rows = yield* PaymentRepo
  const refunds = yield* RefundRepo

  return {
    attempts: Effect.fn("PaymentsHttp.attempts")(function* ({ params, query }: Listing) {
      const limit = query.limit ?? limits.listLimitDefault
      const afterNo = (yield* attemptCursor.read(query.cursor)) ?? 0
      const found = yield* scope.run(
        Effect.andThen(knownOrder(orders, params.id), rows.attempts(params.id, afterNo, limit + 1))
      )
      return attemptCursor.page(found, limit, (row) => row.attempt_no, showAttempt)
    }),
    refunds: Effect.fn("PaymentsHttp.refunds")(function* ({ params, query }: Listing) {
      const limit = query.limit ?? limits.listLimitDefault
      const afterId = yield* refundCursor.read(query.cursor)
      const found = yield* scope.run(
        Effect.andThen(knownOrder(orders, params.id), refunds.ofOrder(params.id, afterId, limit + 1))
      )
      return refundCursor.page(found, limit, (row) => row.id, showRefund(yield* CurrentPrincipal))
    })
  }
})

/** Handlers of PaymentsApi. */
export const PaymentsHttp = HttpApiBuilder.group(
  Api,
  "payments",
  Effect.fnUntraced(function* (handlers) {
    const scope = yield* PrincipalScope
    const idempotency = yield* Idempotency
    const orders = yield* OrderRepo
    const rows = yield* PaymentRepo
    const operations = yield* PaymentOperationRepo
    const refunds = yield* RefundRepo
    const payments = yield* Payments
    const lists = yield* makePaymentLists

    const paymentOf = Effect.fnUntraced(function* (orderId: string) {
      yield* knownOrder(orders, orderId)
      return (yield* rows.ofOrder(orderId)) ?? (yield* new RowAbsent({ kind: "payment", id: orderId }))
    })
    const refundOf = Effect.fnUntraced(function* (operationId: string | undefined) {
      const operation = operationId === undefined ? undefined : yield* operations.find(operationId)
      return showRefund(yield* CurrentPrincipal)(yield* refunds.get(operation?.refund_id ?? ""))
    })

    /** Intends, carries out and answers. What was in the way and is nobody's any more is looked into first, once. */
    const inStages = <A, I, E, R, E2, R2>(
      orderId: string,
      shape: AnswerShape<A, I>,
      asked: Effect.Effect<Intention, E, R>,
      answer: (operationId: string | undefined) => Effect.Effect<A, E2, R2>,
      token?: Redacted.Redacted
    ) => {
      const staged = idempotency.inStages(shape, {
        intend: Effect.andThen(knownOrder(orders, orderId), asked),
        carryOut: (intention) =>
          Effect.catchTag(payments.carryOut(intention, token), "PaymentBusy", () =>
            // Only whoever finds a key's intention can meet somebody who carries it out.
            Effect.fail(new Problem({ code: "idempotency_in_flight", retryAfterS: 1 }))
          ),
        answer
      })
      return Effect.catchIf(staged, isBusy, () => Effect.andThen(payments.resolve(orderId), staged))
    }
    const shownPayment = (orderId: string) => () => Effect.map(paymentOf(orderId), showPayment)

    return handlers.handleAll({
      pay: Effect.fn("PaymentsHttp.pay")(function* ({ params, payload }) {
        const token = Redacted.make(payload.token)
        const asked = payments.pay(params.id, { method: payload.method, token }, yield* requestOrigin)
        const shape = {
          status: 201,
          success: Payment,
          headers: () => ({ location: `/v1/orders/ord_${params.id}/payment` })
        }
        return yield* inStages(params.id, shape, asked, shownPayment(params.id), token)
      }),
      get: Effect.fn("PaymentsHttp.get")(function* ({ params }) {
        const payment = yield* scope.run(paymentOf(params.id))
        return versioned(payment.version, showPayment(payment))
      }),
      capture: Effect.fn("PaymentsHttp.capture")(function* ({ params }) {
        const asked = payments.capture(params.id, yield* requestOrigin)
        return yield* inStages(params.id, { status: 200, success: Payment }, asked, shownPayment(params.id))
      }),
      void: Effect.fn("PaymentsHttp.void")(function* ({ params }) {
        const asked = payments.void(params.id, yield* requestOrigin)
        return yield* inStages(params.id, { status: 200, success: Payment }, asked, shownPayment(params.id))
      }),
      refund: Effect.fn("PaymentsHttp.refund")(function* ({ params, payload }) {
        const asked = payments.refund(params.id, payload?.amount, payload?.reason, yield* requestOrigin)
        return yield* inStages(params.id, { status: 201, success: Refund }, asked, refundOf)
      }),
      ...lists
    })
  })
)
