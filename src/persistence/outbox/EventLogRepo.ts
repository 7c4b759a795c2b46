import { Context, Data, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { Actor } from "../../domain/Actor.ts"

/** A place in the public log: the number and the id of an event; without an id the log's beginning. */
export interface LogPlace {
  readonly no: number
  readonly id: string | null
}

/** An event of the public log; ids are bare. */
export interface PublicEvent {
  readonly no: number
  readonly id: string
  readonly type: string
  readonly order_id: string
  readonly event_no: number
  readonly shipment_id: string | null
  readonly version: number | null
  readonly occurred_at: string
  readonly recorded_at: string
  readonly actor_kind: Actor["kind"]
  readonly actor_id: string | null
  readonly data: Readonly<Record<string, unknown>>
}

/** A stretch of the log. */
export interface LogStretch {
  readonly events: ReadonlyArray<PublicEvent>
  /** Where the next one begins; further than the last event when what follows it is of other types. */
  readonly next: LogPlace
  /** Whether the log goes on there. */
  readonly hasMore: boolean
}

/** The place lies before what is still kept. */
export class PlaceTrimmed extends Data.TaggedError("PlaceTrimmed") {}

/** The log never had this place: it belongs to another database, or to what this one was before it was restored. */
export class PlaceUnknown extends Data.TaggedError("PlaceUnknown") {}

interface StretchRow {
  readonly head: number
  readonly trimmed: number
  readonly here: string | null
  readonly looked: LogPlace | null
  readonly events: ReadonlyArray<PublicEvent>
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  /**
   * At most `limit` events after a place (undefined: from the oldest kept), of the types that are asked for; looks through at most `scan`. One
   * statement, so that it sees the log at one moment.
   */
  const after = Effect.fn("EventLogRepo.after")(function* (
    place: LogPlace | undefined,
    types: ReadonlyArray<string> | undefined,
    limit: number,
    scan: number
  ) {
    const wanted = types === undefined ? null : JSON.stringify(types)
    const [row] = yield* sql<StretchRow>`WITH log AS (
        SELECT published_no, trimmed_no, coalesce(${place?.no ?? null}::bigint, trimmed_no) AS place FROM event_logs WHERE name = 'events'
      ), looked AS (
        SELECT o.published_no, o.event_id, o.recorded_at, o.type FROM outbox o
        WHERE o.published_no > (SELECT place FROM log) ORDER BY o.published_no LIMIT ${scan}
      ), chosen AS (
        SELECT * FROM looked
        WHERE ${wanted}::text IS NULL OR type IN (SELECT jsonb_array_elements_text(${wanted}::text::jsonb))
        ORDER BY published_no LIMIT ${limit}
      )
      SELECT log.published_no::float8 AS head, log.trimmed_no::float8 AS trimmed,
        (SELECT event_id FROM outbox WHERE published_no = log.place) AS here,
        (SELECT jsonb_build_object('no', published_no, 'id', event_id) FROM looked ORDER BY published_no DESC LIMIT 1) AS looked,
        (SELECT coalesce(jsonb_agg(jsonb_build_object('no', c.published_no, 'id', e.id, 'type', e.type, 'order_id', e.order_id,
            'event_no', e.event_no, 'shipment_id', e.shipment_id, 'version', e.version, 'occurred_at', e.occurred_at,
            'recorded_at', e.recorded_at, 'actor_kind', e.actor_kind, 'actor_id', e.actor_id, 'data', e.data) ORDER BY c.published_no), '[]')
          FROM chosen c JOIN shipment_events e ON e.id = c.event_id AND e.recorded_at = c.recorded_at) AS events
      FROM log`
    if (row === undefined) return yield* Effect.die("the schema makes the log's row")
    if (place !== undefined) {
      if (place.no < row.trimmed) return yield* new PlaceTrimmed()
      // The last that was trimmed cannot be compared any more.
      if (place.no > row.head || (row.here !== null && row.here !== place.id)) return yield* new PlaceUnknown()
    }
    const last = row.events.length === limit ? row.events.at(-1) : undefined
    const reached = last ?? row.looked ?? place ?? { no: row.trimmed, id: null }
    const next: LogPlace = { no: reached.no, id: reached.id }
    const stretch: LogStretch = { events: row.events, next, hasMore: next.no < row.head }
    return stretch
  })

  return { after }
})

/** Reads the public log: every event of every order in one order that all readers see, without holes. */
export class EventLogRepo extends Context.Service<EventLogRepo>()("dropmate/persistence/outbox/EventLogRepo", {
  make
}) {
  static readonly layer = Layer.effect(this, this.make)
}
