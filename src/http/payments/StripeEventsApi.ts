import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"

/** Where Stripe tells that something changed. */
export class StripeEventsApi extends HttpApiGroup.make("stripeEvents").add(
  HttpApiEndpoint.post("receive", "/stripe/events", {
    headers: { "stripe-signature": Schema.optionalKey(Schema.String) },
    payload: Schema.Json,
    success: Schema.Struct({ received: Schema.Boolean })
  }).annotate(
    OpenApi.Description,
    "For Stripe alone, which signs what it sends. An event only makes the server ask Stripe about the payment at once."
  )
) {}
