import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { type Money, toDecimal } from "../../domain/Money.ts"
import type { OrderStatus } from "../../domain/Order.ts"
import type { PaymentStatus } from "../../domain/Payment.ts"
import { theRow } from "../RowAbsent.ts"

/** A payment as its row tells it; amounts are numeric's text. */
export interface PaymentRow {
  readonly id: string
  readonly order_id: string
  readonly status: PaymentStatus
  readonly processor: "sandbox" | "stripe"
  readonly processor_ref: string | null
  readonly amount: string
  readonly settled_amount: string
  readonly refunded_amount: string
  readonly currency: string
  readonly failure_code: string | null
  readonly version: number
  readonly created_at: Date
  readonly updated_at: Date
}

/** What a payment's order says about it. */
export interface PaidOrder {
  readonly status: OrderStatus
  readonly total: string
  readonly currency: string
  readonly is_returned: boolean
}

/** What was asked of a processor and what it said. Without an error code it succeeded. */
export interface NewAttempt {
  readonly paymentId: string
  readonly operation: "authorize" | "capture" | "void" | "refund" | "inquire"
  readonly outcome: "succeeded" | "declined" | "failed" | "unknown"
  readonly amount: string
  readonly processorRef: string | undefined
  readonly errorCode: string | undefined
  readonly requestId: string | undefined
}

/** An attempt as its row tells it, numbered from 1 within its payment; the amount is numeric's text. */
export interface AttemptRow extends Pick<NewAttempt, "operation" | "outcome" | "amount"> {
  readonly payment_id: string
  readonly attempt_no: number
  readonly currency: string
  readonly error_code: string | null
  readonly attempted_at: Date
}

/** What becomes of a payment's row. */
export interface PaymentChange {
  readonly status: PaymentStatus
  readonly failureCode?: string
  readonly processorRef?: string
  /** Everything that was authorized is settled now. */
  readonly isSettled?: boolean
}

/** The marks of payments that are to be looked at (`follow_at`). */
const marks = (sql: SqlClient.SqlClient) => {
  /** Orders whose payments are to be looked at, the longest waiting first. */
  const toFollow = Effect.fn("PaymentRepo.toFollow")(function* (limit: number) {
    const rows = yield* sql<{ order_id: string }>`SELECT order_id FROM payments
      WHERE follow_at <= now() ORDER BY follow_at LIMIT ${limit}`
    return rows.map((row) => row.order_id)
  })

  /** It is to be looked at (again) after a while. */
  const followAfter = Effect.fn("PaymentRepo.followAfter")(function* (id: string, afterMs: number) {
    yield* sql`UPDATE payments SET follow_at = now() + make_interval(secs => ${afterMs / 1000}::double precision) WHERE id = ${id}`
  })

  /** The caller holds the order's row, so nothing new can be overlooked. */
  const followed = Effect.fn("PaymentRepo.followed")(function* (id: string) {
    yield* sql`UPDATE payments SET follow_at = NULL WHERE id = ${id}`
  })

  return { toFollow, followAfter, followed }
}

/** What was asked of processors, row by row. */
const attemptsOn = (sql: SqlClient.SqlClient) => {
  const addAttempt = Effect.fn("PaymentRepo.addAttempt")(function* (attempt: NewAttempt) {
    yield* sql`INSERT INTO payment_attempts (payment_id, attempt_no, operation, outcome, amount, processor_ref, error_code, request_id)
      SELECT ${attempt.paymentId}::uuid, coalesce(max(attempt_no), 0) + 1, ${attempt.operation}::text, ${attempt.outcome}::text,
        ${attempt.amount}::numeric, ${attempt.processorRef ?? null}::text, ${attempt.errorCode ?? null}::text,
        ${attempt.requestId ?? null}::text
      FROM payment_attempts WHERE payment_id = ${attempt.paymentId}`
  })

  /** What was asked of processors for an order's payment, the oldest first. */
  const attempts = Effect.fn("PaymentRepo.attempts")(function* (orderId: string, afterNo: number, limit: number) {
    return yield* sql<AttemptRow>`SELECT a.payment_id, a.attempt_no, a.operation, a.outcome, a.amount, p.currency, a.error_code, a.attempted_at
      FROM payment_attempts a JOIN payments p ON p.id = a.payment_id
      WHERE p.order_id = ${orderId} AND a.attempt_no > ${afterNo} ORDER BY a.attempt_no LIMIT ${limit}`
  })

  return { addAttempt, attempts }
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = sql`p.id, p.order_id, p.status, p.processor, p.processor_ref, p.amount, p.settled_amount, p.refunded_amount, p.currency,
    p.failure_code, p.version::integer AS version, p.created_at, p.updated_at`

  const get = Effect.fn("PaymentRepo.get")(function* (id: string) {
    return yield* theRow("payment", id, yield* sql<PaymentRow>`SELECT ${columns} FROM payments p WHERE p.id = ${id}`)
  })

  /** The payment of an order; undefined when nobody has begun to pay. */
  const ofOrder = Effect.fn("PaymentRepo.ofOrder")(function* (orderId: string) {
    return (yield* sql<PaymentRow>`SELECT ${columns} FROM payments p WHERE p.order_id = ${orderId}`)[0]
  })

  /** Whose payment a processor's reference is. */
  const idOfRef = Effect.fn("PaymentRepo.idOfRef")(function* (processor: PaymentRow["processor"], ref: string) {
    const rows = yield* sql<{ id: string }>`SELECT id FROM payments
      WHERE processor = ${processor} AND processor_ref = ${ref}`
    return rows[0]?.id
  })

  /** What is asked for, and where it is brought back. The caller holds the order's row. */
  const paidOrder = Effect.fn("PaymentRepo.paidOrder")(function* (orderId: string) {
    const rows =
      yield* sql<PaidOrder>`SELECT o.status, o.total, o.currency, coalesce(s.status = 'returned', false) AS is_returned
      FROM orders o LEFT JOIN shipments s ON s.order_id = o.id WHERE o.id = ${orderId}`
    return yield* theRow("order", orderId, rows)
  })

  const insert = Effect.fn("PaymentRepo.insert")(function* (
    id: string,
    orderId: string,
    processor: PaymentRow["processor"],
    amount: Money
  ) {
    yield* sql`INSERT INTO payments (id, order_id, processor, amount, currency)
      VALUES (${id}, ${orderId}, ${processor}, ${toDecimal(amount)}::numeric, ${amount.currency})`
    return yield* get(id)
  })

  /** A payment that failed begins again, perhaps elsewhere. */
  const begin = Effect.fn("PaymentRepo.begin")(function* (id: string, processor: PaymentRow["processor"]) {
    yield* sql`UPDATE payments SET status = 'pending', processor = ${processor}, processor_ref = NULL, failure_code = NULL
      WHERE id = ${id}`
  })

  /** The caller holds the order's row. What follows from the new status is to be looked at. */
  const change = Effect.fn("PaymentRepo.change")(function* (id: string, to: PaymentChange) {
    yield* sql`UPDATE payments SET status = ${to.status}::payment_status, failure_code = ${to.failureCode ?? null},
        processor_ref = coalesce(${to.processorRef ?? null}, processor_ref),
        settled_amount = CASE WHEN ${to.isSettled === true}::boolean THEN amount ELSE settled_amount END, follow_at = now()
      WHERE id = ${id}`
  })

  /** Keeps the reference that an inquiry needs. */
  const keepRef = Effect.fn("PaymentRepo.keepRef")(function* (id: string, ref: string) {
    yield* sql`UPDATE payments SET processor_ref = ${ref} WHERE id = ${id}`
  })

  return {
    get,
    ofOrder,
    idOfRef,
    paidOrder,
    insert,
    begin,
    change,
    keepRef,
    ...attemptsOn(sql),
    ...marks(sql)
  }
})

/** Keeps payments and what was asked of their processors. */
export class PaymentRepo extends Context.Service<PaymentRepo>()("dropmate/persistence/payments/PaymentRepo", { make }) {
  static readonly layer = Layer.effect(this, this.make)
}
