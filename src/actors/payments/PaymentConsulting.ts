import { Effect, Option, type Redacted } from "effect"
import { Limits } from "../../config/Limits.ts"
import { fromDecimal } from "../../domain/Money.ts"
import type { OperationRow } from "../../persistence/payments/PaymentOperationRepo.ts"
import type {
  PaymentProcessor,
  ProcessorAnswer,
  ProcessorAsk,
  ProcessorOpened,
  ProcessorStanding
} from "../../processors/PaymentProcessor.ts"
import type { ProcessorWord } from "./PaymentSettling.ts"

type Unknown = Extract<ProcessorAnswer, { readonly _tag: "Unknown" }>

/** An authorization whose payer is gone. */
export const abandoned: ProcessorAnswer = { _tag: "Failed", code: "abandoned" }

/** What is asked of a processor for an operation. Its key is the payment's id and the operation's number. */
export const askFor = (operation: OperationRow, ref: string, token: Redacted.Redacted | undefined): ProcessorAsk => ({
  operation: operation.operation,
  key: `${operation.payment_id}.${operation.operation_no}`,
  ref,
  amount: fromDecimal(operation.amount, operation.currency),
  token,
  refundId: operation.refund_id ?? undefined
})

/** A question to a processor, with an answer in time; a processor that breaks has not answered. */
export const inTime = <A extends ProcessorAnswer | ProcessorOpened | ProcessorStanding>(
  call: Effect.Effect<A>
): Effect.Effect<A | Unknown> =>
  Effect.gen(function* () {
    const { paymentCallMs } = yield* Limits
    return yield* call.pipe(
      Effect.timeoutOption(paymentCallMs),
      Effect.map(Option.getOrElse((): A | Unknown => ({ _tag: "Unknown", code: "processor_timeout" })))
    )
  }).pipe(
    Effect.catchDefect((defect) =>
      Effect.as(Effect.logError("payment_processor_broken", defect), {
        _tag: "Unknown",
        code: "processor_broken"
      } satisfies Unknown)
    )
  )

/** Finds out what became of something that may have been asked before, and asks it if it never arrived. */
export const inquireFirst = Effect.fnUntraced(function* (
  processor: PaymentProcessor,
  ask: ProcessorAsk
): Effect.fn.Return<ProcessorWord> {
  const standing = yield* inTime(processor.inquire(ask))
  if (standing._tag !== "NotAsked") return { answer: standing, kind: "inquire", ref: ask.ref }
  if (ask.operation !== "authorize" || ask.token !== undefined)
    return { answer: yield* inTime(processor.ask(ask)), kind: ask.operation, ref: ask.ref }
  // Closed at the processor before it is given up here, so that a request that is still on its way finds nothing to authorize.
  const closed = yield* inTime(processor.ask({ ...ask, operation: "void", key: `${ask.key}.close` }))
  return { answer: closed._tag === "Unknown" ? closed : abandoned, kind: "inquire", ref: ask.ref }
})
