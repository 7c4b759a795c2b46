import { moneyWords } from "./MoneyWords.ts"
import type { AttemptAnswer, PaymentAnswer, RefundAnswer } from "./OrderView.ts"
import type { PaymentActionName } from "./PaymentActions.ts"

const codeWords: Readonly<Record<string, string>> = {
  voided: "given up",
  abandoned: "nobody came back to pay",
  not_received: "the processor never heard of it"
}

/** A code of the processor, or one of ours, as words. */
export const failureWords = (code: string): string => codeWords[code] ?? code.replaceAll("_", " ")

const statusWords: Readonly<Record<string, string>> = {
  pending: "Not answered yet",
  authorized: "Authorized, not captured",
  settled: "Captured",
  failed: "Not paid",
  refunded: "Refunded"
}

/** Where a payment stands. */
export const paymentWords = ({ status, refunded, failure_code }: PaymentAnswer): string => {
  const words = statusWords[status] ?? status
  if (status === "settled" && refunded.amount > 0) return `${words}, refunded in part`
  return failure_code === null ? words : `${words}: ${failureWords(failure_code)}`
}

const methods: Readonly<Record<string, string>> = { sandbox: "Sandbox (no money moves)", stripe: "Stripe" }

/** Through whom it is paid. */
export const methodWords = ({ method }: PaymentAnswer): string => methods[method] ?? method

const refundStatusWords: Readonly<Record<string, string>> = {
  pending: "Refund not answered yet",
  succeeded: "Refunded",
  failed: "Refund refused"
}

/** What became of a refund. */
export const refundWords = ({ status }: RefundAnswer): string => refundStatusWords[status] ?? status

const operations: Readonly<Record<string, string>> = {
  authorize: "Authorize",
  capture: "Capture",
  void: "Void",
  refund: "Refund",
  inquire: "Ask what became of it"
}

/** What was asked of the processor, and what it said. */
export const attemptWords = ({ operation, outcome, failure_code }: AttemptAnswer): string => {
  const why = failure_code === null ? "" : ` (${failureWords(failure_code)})`
  return `${operations[operation] ?? operation}: ${outcome === "unknown" ? "no answer" : outcome}${why}`
}

/** What an action came to. */
export interface PaymentOutcome {
  readonly isRefused: boolean
  readonly words: string
}

const unanswered = "The processor has not answered yet. It is asked again until it is known."

/** An answer of the server is not yet the processor's yes. */
export const outcomeOf = (name: PaymentActionName, answer: PaymentAnswer | RefundAnswer): PaymentOutcome => {
  const { status, amount } = answer
  const reached = { capture: "settled", void: "failed", refund: "succeeded" }[name]
  if (status === reached) {
    const said = { capture: "captured", void: "given up", refund: "refunded" }[name]
    return { isRefused: false, words: `${moneyWords(amount)} ${said}.` }
  }
  if (status !== "failed") return { isRefused: false, words: unanswered }
  const code = "failure_code" in answer && answer.failure_code !== null ? `: ${failureWords(answer.failure_code)}` : ""
  return { isRefused: true, words: `The processor refused it${code}.` }
}
