import { Effect, type Redacted, Schema, type Scope } from "effect"
import type pg from "pg"
import { Limits } from "../config/Limits.ts"
import { type DatabaseUnreachable, databaseMessage, pgConnection } from "./PgConnection.ts"

/** One partition, from the view `partitions`; times as RFC 3339. */
export interface Partition {
  readonly table: string
  readonly name: string
  readonly from: string
  readonly until: string
  /** Its policy's time is over by the database's clock and by that of whoever asks. */
  readonly isExpired: boolean
  /** Telemetry of a day that points are accepted for no more, by both clocks. */
  readonly isClosed: boolean
  /** It is to be archived before it is dropped. */
  readonly isArchived: boolean
  readonly bytes: number
}

/** PostgreSQL would not let a partition go now: somebody reads it, or it is gone already. Retry: later. */
export class PartitionBusy extends Schema.TaggedError<PartitionBusy>()("PartitionBusy", {
  partition: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `partition ${this.partition} cannot be taken away now: ${this.reason}`
  }
}

/** Another node is at it. */
export class RetentionUnderWay extends Schema.TaggedError<RetentionUnderWay>()("RetentionUnderWay", {}) {}

/** What retention needs of the database, on one connection as the owner of the schema. */
export interface PartitionStore {
  /** Every partition there is, oldest first. `nowMs`: the time by this node's clock. */
  readonly list: (nowMs: number) => Effect.Effect<ReadonlyArray<Partition>, PartitionBusy>
  /** Tables that were partitions and were detached, and not dropped: what a crash between the two leaves. */
  readonly detached: Effect.Effect<ReadonlyArray<string>, PartitionBusy>
  /** Makes the hours of a day of telemetry from all of its points, unless that was done and nothing came since. Of any other partition nothing. */
  readonly rollUp: (partition: Partition) => Effect.Effect<void, PartitionBusy>
  /** Takes a partition from its table while others write to the table; finishes what an earlier try began. */
  readonly detach: (table: string, partition: string) => Effect.Effect<void, PartitionBusy>
  /** Drops a detached partition. Nobody waits for it longer than `partitionDropLockMs`. */
  readonly drop: (partition: string) => Effect.Effect<void, PartitionBusy>
}

const listed = `SELECT p.table_name AS table, p.partition AS name, to_json(p.from_at) AS from, to_json(p.until_at) AS until,
    p.is_expired AND p.until_at + r.keep < to_timestamp($1::float8 / 1000) AS "isExpired",
    p.table_name = 'driver_location_events' AND p.until_at + make_interval(days => $2) < least(now(), to_timestamp($1::float8 / 1000)) AS "isClosed",
    r.is_archived AS "isArchived", p.bytes::float8 AS bytes
  FROM partitions p JOIN retention_policies r USING (table_name) ORDER BY p.until_at, p.table_name`

// A table of such a name that belongs to nobody can only be a partition that was detached.
const orphaned = `SELECT c.relname::text AS name FROM pg_class c JOIN retention_policies r
    ON c.relname ~ ('^' || r.table_name || CASE r.period WHEN 'day' THEN '_\\d{8}$' ELSE '_\\d{6}$' END)
  WHERE c.relkind = 'r' AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace ORDER BY 1`

const isHalfDetached = `SELECT EXISTS (SELECT FROM partitions WHERE partition = $1 AND is_detaching) AS half`

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`

/**
 * Opens the store for a scope, alone in the cluster: detaching concurrently is not allowed in a transaction, and two nodes that
 * take the same partition away would only meet each other's errors.
 */
export const openPartitionStore = Effect.fn("PartitionStore.open")(function* (
  url: Redacted.Redacted
): Effect.fn.Return<PartitionStore, DatabaseUnreachable | RetentionUnderWay | PartitionBusy, Scope.Scope> {
  const limits = yield* Limits
  const client = yield* pgConnection(url, "dropmate-retention")
  const ask = <Row extends pg.QueryResultRow>(partition: string, text: string, values: ReadonlyArray<unknown> = []) =>
    Effect.tryPromise({
      try: async () => (await client.query<Row>(text, [...values])).rows,
      catch: (error) => new PartitionBusy({ partition, reason: databaseMessage(error) })
    })
  const lock = "SELECT pg_try_advisory_lock(hashtext('dropmate'), hashtext('retention')) AS held"
  const [taken] = yield* ask<{ readonly held: boolean }>("", lock)
  if (taken?.held !== true) return yield* new RetentionUnderWay()

  const detach = Effect.fnUntraced(function* (table: string, partition: string) {
    const [row] = yield* ask<{ readonly half: boolean }>(partition, isHalfDetached, [partition])
    const how = row?.half === true ? "FINALIZE" : "CONCURRENTLY"
    // Waits for every transaction that may still use it, without being in anybody's way.
    yield* ask(partition, `SET statement_timeout = ${limits.partitionDetachMs}`)
    yield* ask(partition, `ALTER TABLE ${identifier(table)} DETACH PARTITION ${identifier(partition)} ${how}`).pipe(
      Effect.ensuring(Effect.ignore(ask(partition, "SET statement_timeout = 0")))
    )
  })

  const rollUp = Effect.fnUntraced(function* ({ table, name, from, until }: Partition) {
    if (table !== "driver_location_events") return
    yield* ask(name, "SELECT roll_up_closed($1, $2::timestamptz, $3::timestamptz)", [name, from, until])
  })

  const drop = Effect.fnUntraced(function* (partition: string) {
    yield* ask(partition, `SET lock_timeout = ${limits.partitionDropLockMs}`)
    yield* ask(partition, `DROP TABLE IF EXISTS ${identifier(partition)}`)
    yield* ask(partition, "DELETE FROM roll_up_marks WHERE name = $1", [partition])
  })

  return {
    list: (nowMs) => ask<Partition & pg.QueryResultRow>("", listed, [nowMs, limits.partitionDaysBack]),
    detached: Effect.map(ask<{ readonly name: string }>("", orphaned), (rows) => rows.map(({ name }) => name)),
    rollUp,
    detach,
    drop
  }
})
