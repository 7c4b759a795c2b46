import { Clock, Context, Effect, type Redacted, Schedule, Schema } from "effect"
import { Limits } from "../config/Limits.ts"
import {
  openPartitionStore,
  type Partition,
  type PartitionBusy,
  type PartitionStore,
  type RetentionUnderWay
} from "../persistence/PartitionStore.ts"
import type { DatabaseUnreachable } from "../persistence/PgConnection.ts"

/** A partition could not be written to the archive; it stays where it is. Retry: with the next round. */
export class ArchiveFailed extends Schema.TaggedError<ArchiveFailed>()("ArchiveFailed", {
  partition: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `partition ${this.partition} could not be archived: ${this.reason}`
  }
}

/**
 * Where an expired partition goes before it is dropped, while it is still part of its table. Called again for one that was archived
 * and not dropped, so it must bear repetition. Without an archive, partitions whose policy wants one are kept.
 */
export const PartitionArchive = Context.Reference<
  ((partition: Partition) => Effect.Effect<void, ArchiveFailed>) | undefined
>("dropmate/jobs/PartitionArchive", { defaultValue: () => undefined })

/** What one round of retention did. */
export interface RetentionReport {
  readonly dropped: ReadonlyArray<string>
  /** Expired, and still there: not archived, or in use; or closed, and not rolled up. The next round tries again. */
  readonly kept: ReadonlyArray<{ readonly partition: string; readonly reason: string }>
}

const retryDrop = Effect.fnUntraced(function* (store: PartitionStore, partition: string) {
  const limits = yield* Limits
  yield* Effect.retry(store.drop(partition), {
    times: limits.partitionDropTries,
    schedule: Schedule.spaced(limits.partitionDropRetryMs)
  })
})

const archive = Effect.fnUntraced(function* (partition: Partition) {
  if (!partition.isArchived) return
  const put = yield* PartitionArchive
  if (put === undefined) {
    return yield* new ArchiveFailed({ partition: partition.name, reason: "no archive is configured" })
  }
  yield* put(partition)
})

/**
 * One round of retention: what has outlived its policy is archived, detached and dropped, oldest first; what an earlier round
 * detached and did not drop goes too. Days that are over are rolled up into their hours long before, and looked at once more when
 * they go. Runs beside ingest: no statement waits for a lock that writers hold, and none keeps one
 * that they want (measured by promise P07). Days are written by nodes' clocks and months by the database's, so what is expired by
 * one of the two alone stays: a clock that is set far off takes nothing away.
 */
export const retirePartitions = Effect.fn("PartitionRetention.round")(function* (
  url: Redacted.Redacted
): Effect.fn.Return<RetentionReport, DatabaseUnreachable | RetentionUnderWay | PartitionBusy> {
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const store = yield* openPartitionStore(url)
      const dropped: Array<string> = []
      const kept: Array<{ readonly partition: string; readonly reason: string }> = []
      const orKeep = <E extends { readonly message: string }>(partition: string, work: Effect.Effect<void, E>) =>
        Effect.catch(work, (error) => Effect.sync(() => void kept.push({ partition, reason: error.message })))
      const settle = <E extends { readonly message: string }>(partition: string, work: Effect.Effect<void, E>) =>
        orKeep(
          partition,
          Effect.andThen(
            work,
            Effect.sync(() => void dropped.push(partition))
          )
        )
      const partitions = yield* store.list(yield* Clock.currentTimeMillis)
      for (const partition of partitions.filter(({ isExpired }) => isExpired)) {
        yield* settle(
          partition.name,
          archive(partition).pipe(
            Effect.andThen(store.rollUp(partition)),
            Effect.andThen(store.detach(partition.table, partition.name)),
            Effect.andThen(retryDrop(store, partition.name))
          )
        )
      }
      const failed = new Set(kept.map(({ partition }) => partition))
      for (const name of yield* store.detached) {
        if (!failed.has(name)) yield* settle(name, retryDrop(store, name))
      }
      for (const partition of partitions.filter(({ isClosed, isExpired }) => isClosed && !isExpired)) {
        yield* orKeep(partition.name, store.rollUp(partition))
      }
      return { dropped, kept }
    })
  )
})
