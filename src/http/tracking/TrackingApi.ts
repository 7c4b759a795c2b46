import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"

/** What a tracking token opens, for whoever holds one. */
export class TrackingApi extends HttpApiGroup.make("tracking").add(
  HttpApiEndpoint.get("snapshot", "/tracking", {
    success: Schema.Struct({ epoch: Schema.Int, offset: Schema.Int, state: Schema.Json })
  }).annotate(
    OpenApi.Description,
    "The state of the tracked order, as SNAPSHOT of the tracking stream tells it. The tracking token travels as `Authorization: Bearer`."
  )
) {}
