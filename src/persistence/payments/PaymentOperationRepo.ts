import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { Actor } from "../../domain/Actor.ts"
import type { EventOrigin } from "../shipments/ShipmentEventRepo.ts"

/** One thing that is, or was, asked of a processor. */
export interface OperationRow {
  readonly id: string
  readonly payment_id: string
  readonly order_id: string
  readonly operation_no: number
  readonly operation: "authorize" | "capture" | "void" | "refund"
  readonly refund_id: string | null
  readonly processor: "sandbox" | "stripe"
  readonly processor_ref: string | null
  readonly amount: string
  readonly currency: string
  readonly outcome: "succeeded" | "declined" | "failed" | null
  readonly claims: number
  readonly actor_kind: Actor["kind"]
  readonly actor_id: string | null
  readonly cause: string
}

/** An operation to keep before it is carried out. */
export interface NewOperation {
  readonly id: string
  readonly paymentId: string
  readonly operation: OperationRow["operation"]
  readonly refundId: string | undefined
  readonly processor: OperationRow["processor"]
  readonly processorRef: string | null
  /** numeric's text. */
  readonly amount: string
  readonly origin: EventOrigin
  /** How long whoever adds it has it for themselves; 0: whoever comes first. Milliseconds. */
  readonly leaseMs: number
  /** When the sweep looks at it, unless something happened before. Milliseconds from now. */
  readonly dueMs: number
}

/** A span of milliseconds for PostgreSQL, whose clock all nodes share. */
const spanOf = (sql: SqlClient.SqlClient) => (durationMs: number) =>
  sql`make_interval(secs => ${durationMs / 1000}::double precision)`

/** Who has an operation, and how it ends. */
const claims = (sql: SqlClient.SqlClient) => {
  const ms = spanOf(sql)

  /** Takes an operation that nobody has, for a while; undefined when somebody has it or it is over. */
  const claim = Effect.fn("PaymentOperationRepo.claim")(function* (id: string, leaseMs: number) {
    const rows = yield* sql<{ claims: number }>`UPDATE payment_operations
      SET claims = claims + 1, claimed_until = now() + ${ms(leaseMs)}, due_at = now() + ${ms(leaseMs)}
      WHERE id = ${id} AND outcome IS NULL AND (claimed_until IS NULL OR claimed_until <= now()) RETURNING claims`
    return rows[0]?.claims
  })

  /** Whether the claim is still the newest; takes the row for the transaction. */
  const holds = Effect.fn("PaymentOperationRepo.holds")(function* (id: string, claim: number) {
    const rows =
      yield* sql`SELECT 1 FROM payment_operations WHERE id = ${id} AND claims = ${claim} AND outcome IS NULL FOR UPDATE`
    return rows.length > 0
  })

  /** Nobody knows what became of it: the next one may ask, the sweep after a while. */
  const leave = Effect.fn("PaymentOperationRepo.leave")(function* (id: string, afterMs: number) {
    yield* sql`UPDATE payment_operations SET claimed_until = NULL, due_at = now() + ${ms(afterMs)} WHERE id = ${id}`
  })

  const end = Effect.fn("PaymentOperationRepo.end")(function* (
    id: string,
    outcome: NonNullable<OperationRow["outcome"]>
  ) {
    yield* sql`UPDATE payment_operations SET outcome = ${outcome}, claimed_until = NULL, due_at = NULL, ended_at = now()
      WHERE id = ${id}`
  })

  return { claim, holds, leave, end }
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const ms = spanOf(sql)
  const columns = sql`k.id, k.payment_id, p.order_id, k.operation_no, k.operation, k.refund_id, k.processor, k.processor_ref, k.amount,
    p.currency, k.outcome, k.claims, k.actor_kind, k.actor_id, k.cause`

  const find = Effect.fn("PaymentOperationRepo.find")(function* (id: string) {
    return (yield* sql<OperationRow>`SELECT ${columns} FROM payment_operations k JOIN payments p ON p.id = k.payment_id
      WHERE k.id = ${id}`)[0]
  })

  /** The caller holds the order's row, which numbers the operations. */
  const insert = Effect.fn("PaymentOperationRepo.insert")(function* (operation: NewOperation) {
    const { origin, leaseMs, dueMs } = operation
    yield* sql`INSERT INTO payment_operations (id, payment_id, operation_no, operation, refund_id, processor, processor_ref, amount, claims,
        claimed_until, due_at, actor_kind, actor_id, cause)
      SELECT ${operation.id}::uuid, ${operation.paymentId}::uuid, coalesce(max(operation_no), 0) + 1, ${operation.operation}::text,
        ${operation.refundId ?? null}::uuid, ${operation.processor}::text, ${operation.processorRef}::text, ${operation.amount}::numeric,
        ${leaseMs === 0 ? 0 : 1}::integer, CASE WHEN ${leaseMs > 0}::boolean THEN now() + ${ms(leaseMs)} END, now() + ${ms(dueMs)},
        ${origin.actor.kind}::text, ${origin.actor.id ?? null}::uuid, ${origin.cause}::text
      FROM payment_operations WHERE payment_id = ${operation.paymentId}`
  })

  /** What is under way for a payment, refunds apart; the caller holds the order's row. */
  const openOf = Effect.fn("PaymentOperationRepo.openOf")(function* (paymentId: string) {
    const rows = yield* sql<{
      id: string
      operation: OperationRow["operation"]
    }>`SELECT id, operation FROM payment_operations
      WHERE payment_id = ${paymentId} AND outcome IS NULL AND operation <> 'refund'`
    return rows[0]
  })

  /** Everything under way for an order's payment that nobody carries out at the moment. */
  const unclaimedOf = Effect.fn("PaymentOperationRepo.unclaimedOf")(function* (orderId: string) {
    const rows = yield* sql<{ id: string }>`SELECT k.id FROM payment_operations k JOIN payments p ON p.id = k.payment_id
      WHERE p.order_id = ${orderId} AND k.outcome IS NULL AND (k.claimed_until IS NULL OR k.claimed_until <= now())
      ORDER BY k.operation_no`
    return rows.map((row) => row.id)
  })

  /** From here on anybody can find out what became of it; the claim begins anew. */
  const keepRef = Effect.fn("PaymentOperationRepo.keepRef")(function* (id: string, ref: string, leaseMs: number) {
    yield* sql`UPDATE payment_operations SET processor_ref = ${ref}, claimed_until = now() + ${ms(leaseMs)}, due_at = now() + ${ms(leaseMs)}
      WHERE id = ${id}`
  })

  /** What waits to be carried out or asked about, the longest waiting first. */
  const due = Effect.fn("PaymentOperationRepo.due")(function* (limit: number) {
    const rows = yield* sql<{ id: string }>`SELECT id FROM payment_operations
      WHERE outcome IS NULL AND due_at <= now() ORDER BY due_at LIMIT ${limit}`
    return rows.map((row) => row.id)
  })

  /** The processor has news of a payment: whatever is under way is asked about at once. */
  const hasten = Effect.fn("PaymentOperationRepo.hasten")(function* (paymentId: string) {
    yield* sql`UPDATE payment_operations SET due_at = now()
      WHERE payment_id = ${paymentId} AND outcome IS NULL AND claimed_until IS NULL`
  })

  return { find, insert, openOf, unclaimedOf, keepRef, due, hasten, ...claims(sql) }
})

/** Keeps what is asked of processors, from before it is asked until it is answered. */
export class PaymentOperationRepo extends Context.Service<PaymentOperationRepo>()(
  "dropmate/persistence/payments/PaymentOperationRepo",
  { make }
) {
  static readonly layer = Layer.effect(this, this.make)
}
