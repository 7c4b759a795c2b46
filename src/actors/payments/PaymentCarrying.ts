import { Effect, type Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { Limits } from "../../config/Limits.ts"
import { type OperationRow, PaymentOperationRepo } from "../../persistence/payments/PaymentOperationRepo.ts"
import { PaymentRepo } from "../../persistence/payments/PaymentRepo.ts"
import { systemOn } from "../../persistence/RowScope.ts"
import { type PaymentProcessor, PaymentProcessors, type ProcessorAnswer } from "../../processors/PaymentProcessor.ts"
import type { Intention } from "./KeyedIntentions.ts"
import { abandoned, askFor, inquireFirst, inTime } from "./PaymentConsulting.ts"
import { PaymentBusy } from "./PaymentRefused.ts"
import { makePaymentSettling, type ProcessorWord } from "./PaymentSettling.ts"

/**
 * Carries out what was intended: asks the processor outside any transaction, and keeps its answer in one. Whoever finds an intention that
 * somebody left in the middle asks first what became of it; the key stays that of the operation, so the processor does nothing twice.
 */
export const makePaymentCarrying = Effect.gen(function* () {
  const limits = yield* Limits
  const sql = yield* SqlClient.SqlClient
  const payments = yield* PaymentRepo
  const operations = yield* PaymentOperationRepo
  const processors = yield* PaymentProcessors
  const settle = yield* makePaymentSettling
  const asSystem = systemOn(sql)

  const keepRef = (operation: OperationRow, claim: number, ref: string) =>
    asSystem(
      Effect.gen(function* () {
        if (!(yield* operations.holds(operation.id, claim))) return false
        yield* operations.keepRef(operation.id, ref, limits.paymentLeaseMs)
        yield* payments.keepRef(operation.payment_id, ref)
        return true
      })
    )

  /** The first that is asked for a payment; undefined when somebody else has the operation by now. */
  const openAndAsk = Effect.fnUntraced(function* (
    processor: PaymentProcessor,
    operation: OperationRow,
    claim: number,
    token: Redacted.Redacted | undefined
  ) {
    const said = (answer: ProcessorAnswer, ref?: string): ProcessorWord => ({ answer, kind: "authorize", ref })
    // Nothing was asked yet, and whoever had the means to pay is gone.
    if (token === undefined) return said(abandoned)
    const { ref: _, ...ask } = askFor(operation, "", token)
    const opened = yield* inTime(processor.open(ask))
    if (opened._tag !== "Opened") return said(opened)
    if (!(yield* keepRef(operation, claim, opened.ref))) return undefined
    return said(yield* inTime(processor.ask(askFor(operation, opened.ref, token))), opened.ref)
  })

  const consult = Effect.fnUntraced(function* (
    operation: OperationRow,
    claim: number,
    token: Redacted.Redacted | undefined
  ) {
    const processor = processors.get(operation.processor)
    const { processor_ref: ref } = operation
    if (processor === undefined) {
      const answer: ProcessorAnswer = { _tag: "Unknown", code: "processor_not_configured" }
      return { answer, kind: "inquire", ref: ref ?? undefined } satisfies ProcessorWord
    }
    if (ref === null) return yield* openAndAsk(processor, operation, claim, token)
    const ask = askFor(operation, ref, token)
    if (claim > 1) return yield* inquireFirst(processor, ask)
    return { answer: yield* inTime(processor.ask(ask)), kind: operation.operation, ref } satisfies ProcessorWord
  })

  /**
   * Carries an operation out, or finds out what became of it. Fails with PaymentBusy while somebody else does. An operation that is over
   * is left alone.
   */
  return Effect.fnUntraced(function* (
    operationId: string,
    given: Intention["claim"],
    token: Redacted.Redacted | undefined
  ) {
    const claim = given ?? (yield* asSystem(operations.claim(operationId, limits.paymentLeaseMs)))
    const operation = yield* asSystem(operations.find(operationId))
    if (operation === undefined || operation.outcome !== null) return
    if (claim === undefined) return yield* new PaymentBusy({ orderId: operation.order_id })
    const word = yield* consult(operation, claim, token)
    if (word !== undefined) yield* settle(sql, operation, claim, word)
  })
})
