import { Context, Effect, Layer } from "effect"
import { JobsDatabase } from "../Database.ts"
import { systemOn } from "../RowScope.ts"

/** A published event, as the queue is told of it. */
export interface RelayedEvent {
  readonly published_no: number
  readonly event_id: string
  readonly order_id: string
  readonly event_no: number
  readonly type: string
}

/** What has not come to its end. Ages are milliseconds since the oldest was recorded, 0 without any. */
export interface OutboxStanding {
  readonly unpublished: number
  readonly unsettled: number
  readonly oldest_ms: number
}

const make = Effect.gen(function* () {
  const sql = yield* JobsDatabase
  const columns = sql`published_no::float8 AS published_no, event_id, order_id, event_no::integer AS event_no, type`

  /** Numbers at most `limit` events. Answers how many. */
  const publish = Effect.fn("OutboxRepo.publish")(function* (limit: number) {
    const [row] = yield* sql<{ readonly made: number }>`SELECT publish_events(${limit}::integer) AS made`
    return row?.made ?? 0
  })

  /**
   * Hands events on that were never relayed, in their order, and at last those that were relayed `retellMs` ago and that nobody has
   * settled; then marks them. A failure marks none: they are handed on again. One relay at a time; the others get nothing to do.
   * Answers how many.
   */
  const relay = Effect.fn("OutboxRepo.relay")(function* <E, R>(
    limit: number,
    retellMs: number,
    handOn: (events: ReadonlyArray<RelayedEvent>) => Effect.Effect<void, E, R>
  ) {
    const work = Effect.gen(function* () {
      const [lock] = yield* sql<{ readonly held: boolean }>`SELECT
        pg_try_advisory_xact_lock(hashtext('dropmate'), hashtext('outbox_relay')) AS held`
      if (lock?.held !== true) return 0
      const fresh = yield* sql<RelayedEvent>`SELECT ${columns} FROM outbox
        WHERE relayed_at IS NULL AND settled_at IS NULL AND published_no IS NOT NULL ORDER BY published_no LIMIT ${limit}`
      const again =
        fresh.length > 0
          ? []
          : yield* sql<RelayedEvent>`SELECT ${columns} FROM outbox
        WHERE settled_at IS NULL AND relayed_at < now() - make_interval(secs => ${retellMs / 1_000}) ORDER BY relayed_at, published_no LIMIT ${limit}`
      const events = [...fresh, ...again]
      if (events.length === 0) return 0
      yield* handOn(events)
      const numbers = JSON.stringify(events.map((event) => event.published_no))
      yield* sql`UPDATE outbox SET relayed_at = now()
        WHERE published_no IN (SELECT jsonb_array_elements_text(${numbers}::text::jsonb)::bigint)`
      return events.length
    })
    return yield* systemOn(sql)(work)
  })

  /** Nobody inside waits for the events any more. */
  const settle = Effect.fn("OutboxRepo.settle")(function* (publishedNos: ReadonlyArray<number>) {
    yield* sql`UPDATE outbox SET settled_at = now()
      WHERE published_no IN (SELECT jsonb_array_elements_text(${JSON.stringify(publishedNos)}::text::jsonb)::bigint)
        AND settled_at IS NULL`
  })

  /** Takes away what was settled and recorded more than `keptMs` ago, at most `limit` events. Answers how many. */
  const trim = Effect.fn("OutboxRepo.trim")(function* (keptMs: number, limit: number) {
    const [row] = yield* sql<{ readonly gone: number }>`SELECT
      trim_events(now() - make_interval(secs => ${keptMs / 1_000}), ${limit}::integer) AS gone`
    return row?.gone ?? 0
  })

  const standing = Effect.gen(function* () {
    const [row] = yield* sql<OutboxStanding>`WITH open AS (
        SELECT recorded_at, published_no FROM outbox WHERE published_no IS NULL
        UNION ALL SELECT recorded_at, published_no FROM outbox WHERE published_no IS NOT NULL AND settled_at IS NULL AND relayed_at IS NULL
        UNION ALL SELECT recorded_at, published_no FROM outbox WHERE settled_at IS NULL AND relayed_at IS NOT NULL
      )
      SELECT count(*) FILTER (WHERE published_no IS NULL)::integer AS unpublished,
        count(*) FILTER (WHERE published_no IS NOT NULL)::integer AS unsettled,
        coalesce(greatest(0, extract(epoch FROM now() - min(recorded_at)) * 1000), 0)::float8 AS oldest_ms FROM open`
    return row ?? { unpublished: 0, unsettled: 0, oldest_ms: 0 }
  })

  return { publish, relay, settle, trim, standing }
})

/** Keeps what is told of events to the outside: in the order of their commits, at least once, and once by their number. */
export class OutboxRepo extends Context.Service<OutboxRepo>()("dropmate/persistence/outbox/OutboxRepo", { make }) {
  static readonly layer = Layer.effect(this, this.make)
}
