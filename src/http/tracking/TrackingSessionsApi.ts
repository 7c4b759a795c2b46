import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { defaultLimits } from "../../config/Limits.ts"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import { idempotencyHeader, idField, intField, TimeField } from "../Field.ts"

/** What is kept of the answer to a new session: everything but the token, which is derived again each time. */
export const KeptTrackingSession = Schema.Struct({ id: idField("trackingSession"), expires_at: TimeField })

/** A new tracking session, with the token that opens it. */
export const NewTrackingSession = Schema.Struct({
  ...KeptTrackingSession.fields,
  token: Schema.String,
  url: Schema.String,
  websocket_url: Schema.String
}).annotate({ identifier: "NewTrackingSession" })

const TrackingSession = Schema.Struct({
  id: idField("trackingSession"),
  order_id: idField("order"),
  created_at: TimeField,
  expires_at: TimeField
}).annotate({ identifier: "TrackingSession" })

const uses = { permission: "orders.use", knownTo: "orders.use" } as const

/** Who may watch an order. */
export class TrackingSessionsApi extends HttpApiGroup.make("trackingSessions")
  .add(
    HttpApiEndpoint.post("create", "/orders/:id/tracking-sessions", {
      params: { id: idField("order") },
      headers: idempotencyHeader,
      payload: [
        Schema.Struct({ ttl_s: Schema.optionalKey(intField(1, defaultLimits.trackingSessionTtlSMax)) }),
        Schema.Null
      ],
      success: NewTrackingSession.pipe(HttpApiSchema.status(201))
    })
      .annotate(Access, uses)
      .annotate(
        OpenApi.Description,
        "The token is shown here only; a repetition under the same Idempotency-Key shows it again."
      ),
    HttpApiEndpoint.get("list", "/orders/:id/tracking-sessions", {
      params: { id: idField("order") },
      success: Schema.Struct({
        data: Schema.Array(TrackingSession),
        next_cursor: Schema.Null,
        has_more: Schema.Boolean
      })
    })
      .annotate(Access, uses)
      .annotate(OpenApi.Description, "Those that can still be used, the newest first."),
    HttpApiEndpoint.delete("revoke", "/tracking-sessions/:id", {
      params: { id: idField("trackingSession") },
      success: HttpApiSchema.NoContent
    })
      .annotate(Access, uses)
      .annotate(OpenApi.Description, "Closes every stream that it opened.")
  )
  .middleware(Authenticated) {}
