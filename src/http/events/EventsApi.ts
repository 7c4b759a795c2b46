import { Effect, Schema, SchemaIssue, SchemaTransformation } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { defaultLimits } from "../../config/Limits.ts"
import { actorKinds } from "../../domain/Actor.ts"
import { eventTypes, isEventType } from "../../domain/EventCatalog.ts"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import { idField, intField, TimeField } from "../Field.ts"

/** An event of the log, as everybody outside is told of it. */
export const LoggedEvent = Schema.Struct({
  id: idField("event"),
  type: Schema.String,
  sequence: Schema.Int.annotate({ description: "1, 2, 3, ... within the order" }),
  order_id: idField("order"),
  shipment_id: Schema.NullOr(idField("shipment")),
  shipment_sequence: Schema.NullOr(Schema.Int).annotate({
    description: "1, 2, 3, ... within the shipment; null for what is the order's own"
  }),
  occurred_at: TimeField,
  recorded_at: TimeField,
  actor: Schema.Struct({ kind: Schema.Literals(actorKinds), id: Schema.NullOr(Schema.String) }),
  data: Schema.Json
}).annotate({ identifier: "LoggedEvent" })

const EventKind = Schema.Struct({ type: Schema.String, summary: Schema.String, schema: Schema.Json }).annotate({
  identifier: "EventType"
})

/** Types separated by commas. */
const TypesField = Schema.String.annotate({ description: "types of events, separated by commas" }).pipe(
  Schema.decodeTo(
    Schema.Array(Schema.String),
    SchemaTransformation.transformEffect({
      decode: (text: string) => {
        const types = text.split(",")
        const unknown = types.find((type) => !isEventType(type))
        return unknown === undefined
          ? Effect.succeed(types)
          : Effect.fail(
              new SchemaIssue.InvalidValue({
                message: `${JSON.stringify(unknown)} is none of ${eventTypes.join(", ")}`
              })
            )
      },
      encode: (types: ReadonlyArray<string>) => Effect.succeed(types.join(","))
    })
  )
)

/** The public log of events, for whoever keeps a copy. */
export class EventsApi extends HttpApiGroup.make("events")
  .add(
    HttpApiEndpoint.get("list", "/events", {
      query: {
        after: Schema.optionalKey(Schema.String),
        limit: Schema.optionalKey(intField(1, defaultLimits.eventsLimitMax)),
        types: Schema.optionalKey(TypesField),
        wait_s: Schema.optionalKey(intField(0, defaultLimits.eventsWaitSMax))
      },
      success: Schema.Struct({
        data: Schema.Array(LoggedEvent),
        next_after: Schema.String,
        has_more: Schema.Boolean
      })
    })
      .annotate(Access, { permission: "events.read" })
      .annotate(
        OpenApi.Description,
        "In the order of the log, which all readers see alike: an event never appears before one that was handed out. `next_after` is the `after` of the next request, also when nothing came; `wait_s` waits for the next event. Without `after` from the oldest that is kept."
      ),
    HttpApiEndpoint.get("types", "/event-types", { success: Schema.Struct({ data: Schema.Array(EventKind) }) })
      .annotate(Access, { permission: "events.read" })
      .annotate(OpenApi.Description, "Every type, with the JSON Schema (2020-12) of its `data`.")
  )
  .middleware(Authenticated) {}
