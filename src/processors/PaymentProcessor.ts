import { Context, type Effect, type Redacted } from "effect"
import type { Money } from "../domain/Money.ts"

/** Whoever moves money (`payments.processor`); the API calls it `method`. */
export const processorNames = ["sandbox", "stripe"] as const

/** One of them. */
export type ProcessorName = (typeof processorNames)[number]

/** What can be asked of a processor. */
export type ProcessorOperation = "authorize" | "capture" | "void" | "refund"

/** One thing asked. The same `key` stands for the same thing however often it is asked: the processor does it once. */
export interface ProcessorAsk {
  readonly operation: ProcessorOperation
  /** Payment and number of the operation; at most 100 characters. */
  readonly key: string
  /** What `open` gave out for the payment. */
  readonly ref: string
  readonly amount: Money
  /** The payer's means, for `authorize` alone. It is never kept. */
  readonly token: Redacted.Redacted | undefined
  /** For `refund` alone. */
  readonly refundId: string | undefined
}

/** What a processor made of what it was asked. */
export type ProcessorAnswer =
  | { readonly _tag: "Succeeded"; readonly ref: string | undefined }
  /** The payer's bank, or the processor's own rules, said no. Asking again is in vain. */
  | { readonly _tag: "Declined"; readonly code: string }
  /** The processor could not take what it was asked, for a reason of ours. Asking again is in vain. */
  | { readonly _tag: "Failed"; readonly code: string }
  /** Nobody knows: there was no answer. An inquiry tells. */
  | { readonly _tag: "Unknown"; readonly code: string }

/** What an inquiry finds: an answer, or that it was never asked, or not to the end. */
export type ProcessorStanding = ProcessorAnswer | { readonly _tag: "NotAsked" }

/** What `open` gives out. */
export type ProcessorOpened =
  | { readonly _tag: "Opened"; readonly ref: string }
  | Exclude<ProcessorAnswer, { readonly _tag: "Succeeded" }>

/**
 * The port to a processor of payments. It never fails: every outcome is an answer. It is never called inside a transaction, and each call
 * ends within `Limits.paymentCallMs`.
 */
export interface PaymentProcessor {
  readonly name: ProcessorName
  /** Whether the token is one that this processor could take; undefined when it is, else what it takes. */
  readonly tokenFault: (token: string) => string | undefined
  /**
   * Prepares an authorization and gives out its reference; no money moves. The reference is kept before anything is asked with it, so that an
   * inquiry is possible whatever happens afterwards.
   */
  readonly open: (ask: Omit<ProcessorAsk, "ref">) => Effect.Effect<ProcessorOpened>
  readonly ask: (ask: ProcessorAsk) => Effect.Effect<ProcessorAnswer>
  /** What became of something that was asked, perhaps. */
  readonly inquire: (ask: ProcessorAsk) => Effect.Effect<ProcessorStanding>
}

/** The processors that this server has. */
export class PaymentProcessors extends Context.Service<
  PaymentProcessors,
  ReadonlyMap<ProcessorName, PaymentProcessor>
>()("dropmate/processors/PaymentProcessors") {}
