import { Clock, Context, Data, Effect, Redacted } from "effect"
import Stripe from "stripe"
import type { Money } from "../domain/Money.ts"
import type {
  PaymentProcessor,
  ProcessorAnswer,
  ProcessorAsk,
  ProcessorOpened,
  ProcessorStanding
} from "./PaymentProcessor.ts"

/** How to reach Stripe. */
export interface StripeOptions {
  readonly secretKey: Redacted.Redacted
  /** Undefined: Stripe's own. */
  readonly apiUrl: string | undefined
  /** How long one request may take, milliseconds. */
  readonly callMs: number
}

/** The library, set up so that nothing is repeated behind our back: a repetition is an operation's own decision. */
export const stripeClient = ({ secretKey, apiUrl, callMs }: StripeOptions): Stripe => {
  const api = apiUrl === undefined ? undefined : new URL(apiUrl)
  return new Stripe(Redacted.value(secretKey), {
    maxNetworkRetries: 0,
    telemetry: false,
    timeout: callMs,
    ...(api === undefined
      ? {}
      : {
          host: api.hostname,
          port: api.port === "" ? (api.protocol === "http:" ? 80 : 443) : Number(api.port),
          protocol: api.protocol === "http:" ? ("http" as const) : ("https" as const)
        })
  })
}

// Stripe counts hundredths of these two although ISO 4217 knows none (docs.stripe.com/currencies#special-cases).
const countedInHundredths = new Set(["ISK", "UGX"])

/** An amount as Stripe counts it. */
export const stripeAmount = ({ amount, currency }: Money): number =>
  countedInHundredths.has(currency) ? amount * 100 : amount

const keyed = (idempotencyKey: string): Stripe.RequestOptions => ({ idempotencyKey })

const unknown = (code: string): ProcessorAnswer => ({ _tag: "Unknown", code })

/** What an error of the library says of a request: that it was refused, or that nobody knows. */
const answerOf = (error: unknown): Exclude<ProcessorAnswer, { readonly _tag: "Succeeded" }> => {
  if (error instanceof Stripe.errors.StripeCardError)
    return { _tag: "Declined", code: error.decline_code ?? error.code ?? "card_declined" }
  if (error instanceof Stripe.errors.StripeIdempotencyError) return { _tag: "Unknown", code: "idempotency_error" }
  if (error instanceof Stripe.errors.StripeInvalidRequestError) {
    // 409: another request with this key is under way.
    if (error.statusCode === 409) return { _tag: "Unknown", code: "processor_busy" }
    return { _tag: "Failed", code: error.code ?? "invalid_request" }
  }
  if (error instanceof Stripe.errors.StripeAuthenticationError || error instanceof Stripe.errors.StripePermissionError)
    return { _tag: "Failed", code: "processor_credentials" }
  return { _tag: "Unknown", code: "processor_unavailable" }
}

const asking = <A extends ProcessorAnswer | ProcessorOpened | ProcessorStanding>(call: () => Promise<A>) =>
  Effect.promise(() => call().catch((error: unknown) => answerOf(error)))

const declineOf = (intent: Stripe.PaymentIntent): string => {
  const error = intent.last_payment_error
  return error?.decline_code ?? error?.code ?? intent.cancellation_reason ?? "card_declined"
}

/** What a PaymentIntent's status says about an operation on it. */
const standingOf = (intent: Stripe.PaymentIntent, operation: ProcessorAsk["operation"]): ProcessorStanding => {
  const succeeded: ProcessorStanding = { _tag: "Succeeded", ref: intent.id }
  if (intent.status === "processing") return unknown("processing")
  if (intent.status === "canceled")
    return operation === "void" ? succeeded : { _tag: "Declined", code: intent.cancellation_reason ?? "canceled" }
  if (intent.status === "succeeded")
    return operation === "void" ? { _tag: "Declined", code: "already_captured" } : succeeded
  if (intent.status === "requires_capture") return operation === "authorize" ? succeeded : { _tag: "NotAsked" }
  // The payer would have to go to their bank: that way is not offered.
  if (intent.status === "requires_action" && operation === "authorize")
    return { _tag: "Declined", code: "authentication_required" }
  if (intent.last_payment_error !== null && operation === "authorize")
    return { _tag: "Declined", code: declineOf(intent) }
  return { _tag: "NotAsked" }
}

const answered = (standing: ProcessorStanding): ProcessorAnswer =>
  standing._tag === "NotAsked" ? { _tag: "Failed", code: "not_taken" } : standing

const refundAnswer = (refund: Stripe.Refund): ProcessorAnswer => {
  if (refund.status === "succeeded") return { _tag: "Succeeded", ref: refund.id }
  if (refund.status === "failed" || refund.status === "canceled")
    return { _tag: "Declined", code: refund.failure_reason ?? refund.status }
  return unknown("refund_pending")
}

const refundIdOf = (refund: Stripe.Refund): string | undefined => refund.metadata?.refund_id

const ask = async (stripe: Stripe, asked: ProcessorAsk): Promise<ProcessorAnswer> => {
  const { operation, key, ref, amount, token, refundId } = asked
  if (operation === "authorize") {
    const means = {
      payment_method: token === undefined ? "" : Redacted.value(token),
      error_on_requires_action: true
    }
    return answered(standingOf(await stripe.paymentIntents.confirm(ref, means, keyed(key)), operation))
  }
  if (operation === "capture")
    return answered(standingOf(await stripe.paymentIntents.capture(ref, {}, keyed(key)), operation))
  if (operation === "void")
    return answered(standingOf(await stripe.paymentIntents.cancel(ref, {}, keyed(key)), operation))
  const metadata = { refund_id: refundId ?? "" }
  const refund = { payment_intent: ref, amount: stripeAmount(amount), metadata }
  return refundAnswer(await stripe.refunds.create(refund, keyed(key)))
}

const inquire = async (stripe: Stripe, asked: ProcessorAsk): Promise<ProcessorStanding> => {
  if (asked.operation !== "refund") return standingOf(await stripe.paymentIntents.retrieve(asked.ref), asked.operation)
  for await (const refund of stripe.refunds.list({ payment_intent: asked.ref, limit: 100 })) {
    if (refundIdOf(refund) === asked.refundId) return refundAnswer(refund)
  }
  return { _tag: "NotAsked" }
}

/**
 * Stripe by its official library: a PaymentIntent with manual capture for each authorization. It is made without means to pay, so its id is
 * known before money can move; confirming it is the authorization.
 */
export const stripeProcessor = (stripe: Stripe): PaymentProcessor => ({
  name: "stripe",
  tokenFault: (token) => (/^pm_\w+$/.test(token) ? undefined : "is not the id of a PaymentMethod (pm_...)"),
  open: ({ key, amount }) =>
    asking(async (): Promise<ProcessorOpened> => {
      const intent = await stripe.paymentIntents.create(
        {
          amount: stripeAmount(amount),
          currency: amount.currency.toLowerCase(),
          capture_method: "manual",
          automatic_payment_methods: { enabled: true, allow_redirects: "never" },
          metadata: { dropmate_operation: key }
        },
        keyed(`${key}.open`)
      )
      return { _tag: "Opened", ref: intent.id }
    }),
  ask: (asked) => asking(() => ask(stripe, asked)),
  inquire: (asked) => asking(() => inquire(stripe, asked))
})

/** The signature of a webhook is not Stripe's, or is too old. Retry: never. */
export class StripeSignatureWrong extends Data.TaggedError("StripeSignatureWrong") {}

/** Reads Stripe's webhooks. */
export class StripeEvents extends Context.Service<
  StripeEvents,
  {
    /** Undefined: this server takes none. Answers the PaymentIntent that there is news of; undefined for all else. */
    readonly read:
      | ((body: string, signature: string) => Effect.Effect<string | undefined, StripeSignatureWrong>)
      | undefined
  }
>()("dropmate/processors/StripeEvents") {}

const intentOf = (event: Stripe.Event): string | undefined => {
  const { object } = event.data
  if (!("object" in object)) return undefined
  if (object.object === "payment_intent") return object.id
  if (object.object !== "charge" && object.object !== "refund") return undefined
  const { payment_intent: intent } = object
  return typeof intent === "string" ? intent : intent?.id
}

/** Checks the signature over the body as it came, then looks whom the event is about. What it says is not believed: Stripe is asked. */
export const readStripeEvent =
  (stripe: Stripe, webhookSecret: Redacted.Redacted) => (body: string, signature: string) =>
    Effect.gen(function* () {
      const nowMs = yield* Clock.currentTimeMillis
      const event = yield* Effect.try({
        try: () =>
          stripe.webhooks.constructEvent(body, signature, Redacted.value(webhookSecret), undefined, undefined, nowMs),
        catch: () => new StripeSignatureWrong()
      })
      return intentOf(event)
    })
