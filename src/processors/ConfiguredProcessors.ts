import { Context, Effect, Layer, Redacted } from "effect"
import { Env } from "../config/Env.ts"
import { Limits } from "../config/Limits.ts"
import { type PaymentProcessor, PaymentProcessors, type ProcessorName } from "./PaymentProcessor.ts"
import { sandboxProcessor } from "./SandboxProcessor.ts"
import { readStripeEvent, StripeEvents, stripeClient, stripeProcessor } from "./StripeProcessor.ts"

/** Whether a key of Stripe moves real money. */
export const isLiveKey = (key: string): boolean => /^[sr]k_live_/.test(key)

/**
 * The processors that the environment asks for. The sandbox is always there, but for a server whose Stripe is live: there anybody could have
 * goods for a test token.
 */
export const configuredProcessors = Layer.effectContext(
  Effect.gen(function* () {
    const { stripeSecretKey: secretKey, stripeApiUrl: apiUrl, stripeWebhookSecret } = yield* Env
    const { paymentCallMs: callMs } = yield* Limits
    const processors = new Map<ProcessorName, PaymentProcessor>()
    if (secretKey === undefined || !isLiveKey(Redacted.value(secretKey)))
      processors.set("sandbox", yield* sandboxProcessor)
    const stripe = secretKey === undefined ? undefined : stripeClient({ secretKey, apiUrl, callMs })
    if (stripe !== undefined) processors.set("stripe", stripeProcessor(stripe))
    const read =
      stripe === undefined || stripeWebhookSecret === undefined
        ? undefined
        : readStripeEvent(stripe, stripeWebhookSecret)
    return Context.make(PaymentProcessors, processors).pipe(Context.add(StripeEvents, { read }))
  })
)
