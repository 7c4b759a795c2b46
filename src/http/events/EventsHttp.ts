import { Clock, Duration, Effect, Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Limits } from "../../config/Limits.ts"
import { eventCatalog, eventDataSchema, eventTypes } from "../../domain/EventCatalog.ts"
import { publicEventData } from "../../domain/EventData.ts"
import { publicId } from "../../domain/Ids.ts"
import { EventLogRepo, type LogStretch, type PublicEvent } from "../../persistence/outbox/EventLogRepo.ts"
import { EventBell } from "../../realtime/EventBell.ts"
import { Api } from "../Api.ts"
import { cursorOf } from "../Cursor.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import { Problem } from "../Problem.ts"
import type { LoggedEvent } from "./EventsApi.ts"

const Place = Schema.Struct({
  no: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  id: Schema.NullOr(Schema.String)
})
const eventCursor = cursorOf("events", Place)

const showEvent = (event: PublicEvent): typeof LoggedEvent.Type => ({
  id: event.id,
  type: event.type,
  sequence: event.event_no,
  order_id: event.order_id,
  shipment_id: event.shipment_id,
  shipment_sequence: event.version,
  occurred_at: new Date(event.occurred_at),
  recorded_at: new Date(event.recorded_at),
  actor: {
    kind: event.actor_kind,
    id: event.actor_id === null ? null : publicId(event.actor_kind === "driver" ? "driver" : "user", event.actor_id)
  },
  data: publicEventData(event.data) as Schema.Json
})

const showStretch = ({ events, next, hasMore }: LogStretch) => ({
  data: events.map(showEvent),
  next_after: eventCursor.write(next),
  has_more: hasMore
})

const kinds = {
  data: eventTypes.map((type) => ({
    type,
    summary: eventCatalog[type].summary,
    schema: eventDataSchema(type) as Schema.Json
  }))
}

/** Handlers of EventsApi. */
export const EventsHttp = HttpApiBuilder.group(
  Api,
  "events",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const log = yield* EventLogRepo
    const bell = yield* EventBell

    return handlers.handleAll({
      list: Effect.fn("EventsHttp.list")(function* ({ query }) {
        const limit = query.limit ?? limits.eventsLimitDefault
        let place = yield* eventCursor.read(query.after)
        const untilMs = (yield* Clock.currentTimeMillis) + (query.wait_s ?? 0) * 1_000
        for (let looks = 0; ; looks++) {
          // A busy log that has nothing for this reader would otherwise be read at each of its events.
          if (looks > 1) yield* Effect.sleep(Duration.millis(limits.eventsLookEveryMs))
          const rings = bell.rings()
          const stretch = yield* scope.run(log.after(place, query.types, limit, limits.eventsScanMax)).pipe(
            Effect.catchTag("PlaceTrimmed", () => Effect.fail(new Problem({ code: "events_trimmed" }))),
            Effect.catchTag("PlaceUnknown", () => Effect.fail(new Problem({ code: "event_cursor_unknown" })))
          )
          const leftMs = untilMs - (yield* Clock.currentTimeMillis)
          if (stretch.events.length > 0 || stretch.hasMore || leftMs <= 0) return showStretch(stretch)
          // What was looked through and is of other types need not be looked through again.
          place = stretch.next
          if (!(yield* bell.wait(rings, leftMs))) return showStretch(stretch)
        }
      }),
      types: () => Effect.succeed(kinds)
    })
  })
)
