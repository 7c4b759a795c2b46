import { Clock, Duration, Effect, Layer, Option } from "effect"
import { Limits } from "../config/Limits.ts"
import { DatabaseUrl, JobsDatabase } from "../persistence/Database.ts"
import { dayName, dayOf } from "../persistence/ingest/TelemetryDays.ts"
import { TelemetryWriter } from "../persistence/ingest/TelemetryWriter.ts"
import { retirePartitions } from "./PartitionRetention.ts"

/**
 * Keeps the telemetry partitions of `partitionDaysBack` days before today to `partitionDaysAhead` after it in being (UTC).
 * Keeps the months of every table that is partitioned by month likewise.
 * Then takes away what has outlived its retention policy.
 * When it fails the writer makes a missing day on the spot, and says so: points are never lost for want of a table.
 */
export const PartitionKeeper = Layer.effectDiscard(
  Effect.gen(function* () {
    const limits = yield* Limits
    const sql = yield* JobsDatabase
    // Only a node that takes points has a writer, which then need not ask for these days.
    const writer = Option.getOrUndefined(yield* Effect.serviceOption(TelemetryWriter))
    const keep = Effect.gen(function* () {
      const today = dayOf(yield* Clock.currentTimeMillis)
      for (let day = today - limits.partitionDaysBack; day <= today + limits.partitionDaysAhead; day++) {
        const [row] = yield* sql<{ readonly made: boolean }>`SELECT ensure_telemetry_day(${dayName(day)}::date) AS made`
        if (row?.made === true) yield* Effect.logDebug("partition_made", { day: dayName(day) })
        writer?.days.remember(day)
      }
      // By the database's clock, as recorded_at is. The first event of a month makes its own table if this failed.
      yield* sql`SELECT ensure_month(table_name, (now() + make_interval(months => month))::date)
        FROM retention_policies CROSS JOIN generate_series(${-limits.partitionMonthsBack}::integer, ${limits.partitionMonthsAhead}::integer) AS month
        WHERE period = 'month'`
    })
    const url = yield* DatabaseUrl
    const retire = retirePartitions(url).pipe(
      Effect.tap(({ dropped, kept }) =>
        Effect.all([
          Effect.forEach(dropped, (partition) => Effect.logInfo("partition_dropped", { partition })),
          Effect.forEach(kept, (each) => Effect.logWarning("partition_kept", each))
        ])
      ),
      Effect.catchTag("RetentionUnderWay", () => Effect.void)
    )
    yield* Effect.andThen(keep, retire).pipe(
      Effect.catch((error) => Effect.logWarning("partition_keeper_failed", error.message)),
      Effect.andThen(Effect.sleep(Duration.millis(limits.partitionCheckEveryMs))),
      Effect.forever,
      Effect.forkScoped
    )
  })
)
