import { Effect, Redacted } from "effect"
import { Limits } from "../config/Limits.ts"
import type { PaymentProcessor, ProcessorAnswer, ProcessorAsk, ProcessorStanding } from "./PaymentProcessor.ts"

type Act = (slowMs: number) => Effect.Effect<ProcessorAnswer>

const succeed: Act = () => Effect.succeed({ _tag: "Succeeded", ref: undefined })
const decline =
  (code: string): Act =>
  () =>
    Effect.succeed({ _tag: "Declined", code })
const silent: Act = () => Effect.succeed({ _tag: "Unknown", code: "processor_timeout" })
const slow: Act = (slowMs) => Effect.andThen(Effect.sleep(slowMs), succeed(slowMs))

/** How one test token behaves: at each operation, and at an inquiry after one that was not answered. */
interface Behaviour {
  readonly says: string
  readonly authorize: Act
  readonly capture?: Act
  readonly void?: Act
  readonly refund?: Act
  /** Whether what was not answered reached the processor. */
  readonly isLost?: true
}

/** Every test token of the sandbox and what it does. The one table: the processor, OpenAPI and docs/PAYMENTS.md are made from it. */
export const sandboxTokens = {
  tok_ok: { says: "authorized; everything later works", authorize: succeed },
  tok_slow: { says: "authorized, after Limits.sandboxSlowMs", authorize: slow },
  tok_declined: { says: "declined by the bank: `card_declined`", authorize: decline("card_declined") },
  tok_insufficient_funds: { says: "declined: `insufficient_funds`", authorize: decline("insufficient_funds") },
  tok_expired_card: { says: "declined: `expired_card`", authorize: decline("expired_card") },
  tok_requires_action: {
    says: "declined, since the payer would have to confirm at their bank: `authentication_required`",
    authorize: decline("authentication_required")
  },
  tok_error: {
    says: "the processor refuses the request: `processing_error`",
    authorize: () => Effect.succeed({ _tag: "Failed", code: "processing_error" })
  },
  tok_timeout: {
    says: "no answer, though it was authorized: `pending` until the inquiry finds that out",
    authorize: silent
  },
  tok_lost: {
    says: "no answer, and it never arrived: `pending`, then failed as `not_received`",
    authorize: silent,
    isLost: true
  },
  tok_capture_fails: {
    says: "authorized; the capture is refused: `authorization_expired`",
    authorize: succeed,
    capture: decline("authorization_expired")
  },
  tok_capture_timeout: { says: "authorized; the capture works, unanswered", authorize: succeed, capture: silent },
  tok_void_timeout: { says: "authorized; the void works, unanswered", authorize: succeed, void: silent },
  tok_refund_fails: {
    says: "authorized and captured; a refund is refused: `refund_declined`",
    authorize: succeed,
    refund: decline("refund_declined")
  },
  tok_refund_timeout: {
    says: "authorized and captured; a refund works, unanswered",
    authorize: succeed,
    refund: silent
  }
} as const satisfies Readonly<Record<string, Behaviour>>

/** One of the tokens. */
export type SandboxToken = keyof typeof sandboxTokens

const isSandboxToken = (text: string): text is SandboxToken => Object.hasOwn(sandboxTokens, text)

// The reference says which token it was made for: that is all the memory the sandbox has, so it is the same on every node and
// outlives all of them.
const refOf = (token: string, key: string): string => `sandbox:${token}:${key}`

const behaviourOf = (ref: string): Behaviour | undefined => {
  const token = ref.split(":")[1] ?? ""
  return isSandboxToken(token) ? sandboxTokens[token] : undefined
}

const ask = ({ operation, ref, refundId }: ProcessorAsk, slowMs: number): Effect.Effect<ProcessorAnswer> => {
  const behaviour = behaviourOf(ref)
  if (behaviour === undefined) return Effect.succeed({ _tag: "Failed", code: "unknown_reference" })
  const act = behaviour[operation] ?? succeed
  return Effect.map(act(slowMs), (answer) =>
    answer._tag === "Succeeded" && refundId !== undefined ? { ...answer, ref: `sandbox:refund:${refundId}` } : answer
  )
}

const inquire = (asked: ProcessorAsk): Effect.Effect<ProcessorStanding> => {
  const behaviour = behaviourOf(asked.ref)
  if (behaviour?.isLost === true) return Effect.succeed({ _tag: "Declined", code: "not_received" })
  // What was asked and not answered had worked; all else is the same whenever it is asked.
  return Effect.map(ask(asked, 0), (answer) =>
    answer._tag === "Unknown"
      ? {
          _tag: "Succeeded",
          ref: asked.refundId === undefined ? undefined : `sandbox:refund:${asked.refundId}`
        }
      : answer
  )
}

/** A processor that moves no money: its test tokens have every outcome that a real one can have. */
export const sandboxProcessor: Effect.Effect<PaymentProcessor> = Effect.map(Limits, ({ sandboxSlowMs }) => ({
  name: "sandbox",
  tokenFault: (token) =>
    isSandboxToken(token) ? undefined : `is none of the sandbox's: ${Object.keys(sandboxTokens).join(", ")}`,
  open: ({ key, token }) =>
    Effect.succeed({ _tag: "Opened", ref: refOf(token === undefined ? "" : Redacted.value(token), key) }),
  ask: (asked) => ask(asked, sandboxSlowMs),
  inquire
}))
