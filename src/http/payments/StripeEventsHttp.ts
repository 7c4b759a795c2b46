import { Effect } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Payments } from "../../actors/payments/Payments.ts"
import { StripeEvents } from "../../processors/StripeProcessor.ts"
import { Api } from "../Api.ts"
import { Problem } from "../Problem.ts"

/** Handlers of StripeEventsApi. */
export const StripeEventsHttp = HttpApiBuilder.group(
  Api,
  "stripeEvents",
  Effect.fnUntraced(function* (handlers) {
    const payments = yield* Payments
    const { read } = yield* StripeEvents

    return handlers.handleAll({
      receive: Effect.fn("StripeEventsHttp.receive")(function* ({ headers }) {
        if (read === undefined) return yield* new Problem({ code: "stripe_not_configured" })
        const request = yield* HttpServerRequest.HttpServerRequest
        // The text as it came, not as it was decoded: the signature is over its bytes.
        const body = yield* Effect.orDie(request.text)
        const intent = yield* read(body, headers["stripe-signature"] ?? "").pipe(
          Effect.mapError(() => new Problem({ code: "webhook_signature_invalid" }))
        )
        if (intent !== undefined) yield* payments.hasten("stripe", intent)
        return { received: true }
      })
    })
  })
)
