import { Clock, Context, Duration, Effect, Layer, Metric, Schedule } from "effect"
import { Limits } from "../../config/Limits.ts"
import { DatabaseUrl } from "../Database.ts"
import { BatchCommit, type CommitEvents } from "./BatchCommit.ts"
import { type IngestConnection, IngestConnector } from "./IngestConnection.ts"
import { IngestLane } from "./IngestLane.ts"
import { IngestPressure } from "./IngestPressure.ts"
import { type CursorMove, ingestStatements } from "./IngestTransaction.ts"
import { TelemetryDays } from "./TelemetryDays.ts"

/** What may be told after each commit, and when the writer opens or closes to new points. Synchronous; must not throw. */
export interface WriterListener {
  readonly committed: (moves: ReadonlyArray<CursorMove>) => void
  /** `isOpen` false: grant no credit. True again once the database answers and the buffer has drained. */
  readonly credit: (isOpen: boolean) => void
}

const noContext = Context.empty()
const points = Metric.counter("dropmate_ingest_points_committed_total", {
  incremental: true,
  description: "Points stored by committed batches"
})
const commits = Metric.counter("dropmate_ingest_commits_total", {
  incremental: true,
  description: "Committed ingest transactions"
})
const failures = (sqlState: string) =>
  Metric.counter("dropmate_ingest_failures_total", {
    incremental: true,
    attributes: { sql_state: sqlState },
    description: "Ingest transactions that failed, by SQLSTATE (08006: connection lost)"
  })
const buffered = Metric.gauge("dropmate_ingest_buffered_points", {
  description: "Points waiting for their commit on this node"
})
const partitionsMade = Metric.counter("dropmate_partitions_made_late_total", {
  incremental: true,
  description: "Day partitions that the writer had to make itself"
})

/**
 * Group commit of telemetry. Points are encoded into a lane's open batch as they arrive (synchronously, by whoever owns the
 * point); each lane has a supervised fiber that commits batch after batch. Keeps and never decides: sequence and rules are
 * the driver actor's, credit the gateway's.
 * With PostgreSQL away the lanes try again until it is back; `credit` closes meanwhile, and `isFull` bounds memory.
 */
export class TelemetryWriter extends Context.Service<
  TelemetryWriter,
  {
    /** The lane of a driver: always the same one, on this node. */
    readonly laneOf: (driverId: string) => IngestLane
    /** Counts points that were appended or quarantined into a lane's batch. */
    readonly appended: (points: number) => void
    /** Whether `points` more would exceed what this node may hold. */
    readonly isFull: (points: number) => boolean
    readonly isOpen: () => boolean
    readonly buffered: () => number
    readonly listen: (listener: WriterListener) => void
    readonly days: TelemetryDays
    /** Succeeds once nothing is buffered. */
    readonly drained: Effect.Effect<void>
  }
>()("dropmate/persistence/TelemetryWriter") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const url = yield* DatabaseUrl
      const limits = yield* Limits
      const clock = yield* Clock.Clock
      const connectionTo = yield* IngestConnector
      const run = Effect.runForkWith(yield* Effect.context())
      const listeners: Array<WriterListener> = []
      const pressure = new IngestPressure(limits)

      const days = new TelemetryDays((day) => {
        partitionsMade.updateUnsafe(1, noContext)
        run(Effect.logWarning("partition_missing: the writer made it; the partition job is behind", { day }))
      })
      const events: CommitEvents = {
        committed: (moves, rows) => {
          points.updateUnsafe(rows, noContext)
          commits.updateUnsafe(1, noContext)
          for (const listener of listeners) listener.committed(moves)
        },
        failed: (sqlState, message, isAlarm) => {
          failures(sqlState).updateUnsafe(1, noContext)
          const log = isAlarm ? Effect.logError : Effect.logWarning
          run(log(isAlarm ? "ingest_stopped" : "ingest_retrying", { sqlState, message }))
        }
      }

      const connections: Array<IngestConnection> = []
      const lanes = Array.from({ length: limits.ingestLanes }, (_, index) => {
        const connection = connectionTo({
          url,
          name: `dropmate-ingest-${index}`,
          role: "dropmate_writer",
          statements: ingestStatements,
          connectMs: limits.databaseConnectMs
        })
        connections.push(connection)
        return new IngestLane(new BatchCommit(connection, days, limits, events), limits, (count) => {
          pressure.held -= count
        })
      })

      const watch = Effect.sync(() => {
        buffered.updateUnsafe(pressure.held, noContext)
        if (!pressure.judge(lanes, clock.currentTimeMillisUnsafe())) return
        const { isOpen, held } = pressure
        run(Effect.logInfo(isOpen ? "credit_opened" : "credit_closed", { buffered: held }))
        for (const listener of listeners) listener.credit(isOpen)
      })

      yield* Effect.addFinalizer(() => Effect.forEach(connections, (connection) => connection.close, { discard: true }))
      for (const lane of lanes) {
        // A lane cannot fail by its type. A defect is ours: the batch it was in stays unacknowledged, and phones send it again.
        yield* lane.run.pipe(
          Effect.catchCause((cause) => Effect.logError("ingest_lane_restarted", cause)),
          Effect.repeat(Schedule.spaced(Duration.millis(limits.ingestRetryMs))),
          Effect.forkScoped
        )
      }
      yield* watch.pipe(Effect.repeat(Schedule.spaced(Duration.millis(limits.creditWatchMs))), Effect.forkScoped)

      return {
        laneOf: (driverId) => lanes[laneNumber(driverId, lanes.length)] as IngestLane,
        appended: (count) => {
          pressure.held += count
        },
        isFull: (count) => pressure.isFull(count),
        isOpen: () => pressure.isOpen,
        buffered: () => pressure.held,
        listen: (listener) => {
          listeners.push(listener)
        },
        days,
        drained: Effect.suspend(() =>
          lanes.every((lane) => lane.isIdle) ? Effect.void : Effect.fail("busy" as const)
        ).pipe(Effect.retry(Schedule.spaced("5 millis")), Effect.orDie)
      }
    })
  )
}

/** The last bits of a UUIDv7 are random, so they spread drivers evenly. */
const laneNumber = (driverId: string, lanes: number): number => Number.parseInt(driverId.slice(-4), 16) % lanes
