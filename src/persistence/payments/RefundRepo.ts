import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { type Money, toDecimal } from "../../domain/Money.ts"
import { theRow } from "../RowAbsent.ts"

/** A refund as its row tells it; the amount is numeric's text. */
export interface RefundRow {
  readonly id: string
  readonly payment_id: string
  readonly order_id: string
  readonly status: "pending" | "succeeded" | "failed"
  readonly amount: string
  readonly currency: string
  readonly reason: string | null
  readonly created_at: Date
  readonly updated_at: Date
}

/** A refund to keep before it is asked for. */
export interface NewRefund {
  readonly id: string
  readonly paymentId: string
  readonly amount: Money
  readonly reason: string | undefined
  readonly requestedBy: string | undefined
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = sql`r.id, r.payment_id, p.order_id, r.status, r.amount, p.currency, r.reason, r.created_at, r.updated_at`

  const get = Effect.fn("RefundRepo.get")(function* (id: string) {
    const rows =
      yield* sql<RefundRow>`SELECT ${columns} FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE r.id = ${id}`
    return yield* theRow("refund", id, rows)
  })

  /** An order's refunds, the oldest first. */
  const ofOrder = Effect.fn("RefundRepo.ofOrder")(function* (
    orderId: string,
    afterId: string | undefined,
    limit: number
  ) {
    return yield* sql<RefundRow>`SELECT ${columns} FROM refunds r JOIN payments p ON p.id = r.payment_id
      WHERE p.order_id = ${orderId} AND (${afterId ?? null}::uuid IS NULL OR r.id > ${afterId ?? null}::uuid)
      ORDER BY r.id LIMIT ${limit}`
  })

  /** Adds to what the payment gives back; its trigger refuses what would be more than was settled. */
  const insert = Effect.fn("RefundRepo.insert")(function* (refund: NewRefund) {
    yield* sql`INSERT INTO refunds (id, payment_id, amount, reason, requested_by)
      VALUES (${refund.id}, ${refund.paymentId}, ${toDecimal(refund.amount)}::numeric, ${refund.reason ?? null},
        ${refund.requestedBy ?? null})`
  })

  /** A refund that failed gives its amount back to the payment (trigger). */
  const end = Effect.fn("RefundRepo.end")(function* (id: string, status: "succeeded" | "failed", ref?: string) {
    yield* sql`UPDATE refunds SET status = ${status}, processor_ref = ${ref ?? null} WHERE id = ${id}`
  })

  /** What has really gone back, numeric's text: refunds under way are not in it. */
  const succeededSum = Effect.fn("RefundRepo.succeededSum")(function* (paymentId: string) {
    const rows = yield* sql<{ sum: string }>`SELECT coalesce(sum(amount), 0)::numeric(12,2) AS sum FROM refunds
      WHERE payment_id = ${paymentId} AND status = 'succeeded'`
    return rows[0]?.sum ?? "0.00"
  })

  return { get, ofOrder, insert, end, succeededSum }
})

/** Keeps refunds; their sum is the payment's. */
export class RefundRepo extends Context.Service<RefundRepo>()("dropmate/persistence/payments/RefundRepo", { make }) {
  static readonly layer = Layer.effect(this, this.make)
}
