import { Data, Duration, Effect } from "effect"
import type { Limits } from "../../config/Limits.ts"
import { movesOf, type Piece, piecesOf, rowsOf } from "./BatchPieces.ts"
import { readStandings } from "./CursorStanding.ts"
import type { BatchRow, IngestBatch } from "./IngestBatch.ts"
import { ConnectionLost, type IngestConnection, type StatementRefused } from "./IngestConnection.ts"
import type { CursorAdvance, CursorLost, IngestDevice, QuarantinedPoint } from "./IngestDevice.ts"
import { ingestRemedy } from "./IngestFailure.ts"
import { type CursorMove, cursorsNotMoved, ingestMessages, wholeMove } from "./IngestTransaction.ts"
import type { TelemetryDays } from "./TelemetryDays.ts"

/** Some cursor is not where the batch expects it: another session took it, or an earlier try did commit. */
class CursorsMoved extends Data.TaggedError("CursorsMoved") {}

/** PostgreSQL refuses some row of the batch for what is in it. */
class RowsRefused extends Data.TaggedError("RowsRefused")<{ readonly sqlState: string; readonly message: string }> {}

/** What a commit tells the writer. Synchronous; must not throw. */
export interface CommitEvents {
  readonly committed: (moves: ReadonlyArray<CursorMove>, rows: number) => void
  readonly failed: (sqlState: string, message: string, isAlarm: boolean) => void
}

/**
 * Brings one batch into the database, whatever it takes: an effect that succeeds when every point of it is committed,
 * settled as quarantined, or dropped because its session is no longer the device's. It waits out a database that is away.
 *
 * The fast way is one transaction sent in one write. Only when that is refused is the batch taken apart: cursors are read
 * under lock, lost devices' rows dropped, and what remains halved until the row that is refused stands alone.
 */
export class BatchCommit {
  private readonly connection: IngestConnection
  private readonly days: TelemetryDays
  private readonly limits: Limits
  private readonly events: CommitEvents

  constructor(connection: IngestConnection, days: TelemetryDays, limits: Limits, events: CommitEvents) {
    this.connection = connection
    this.days = days
    this.limits = limits
    this.events = events
  }

  commit(batch: IngestBatch): Effect.Effect<void> {
    if (batch.advances.some((advance) => advance.device.isDropped)) return this.reconcile(batch)
    const moves = batch.advances.map(wholeMove)
    return this.attempt(batch, moves, batch.rows === 0 ? undefined : batch.copyBytes()).pipe(
      Effect.andThen(Effect.sync(() => this.settle(moves, batch.rows))),
      Effect.catchTag(["CursorsMoved", "RowsRefused"], () => this.reconcile(batch))
    )
  }

  /**
   * Tries one transaction until its outcome is known. An unknown outcome is treated as a failure: if it did commit, the fence
   * fails the repetition, and reading the cursors tells.
   */
  private attempt(
    batch: IngestBatch,
    moves: ReadonlyArray<CursorMove>,
    copy: Uint8Array | undefined
  ): Effect.Effect<void, CursorsMoved | RowsRefused> {
    const again = Effect.suspend(() => this.attempt(batch, moves, copy))
    return this.connected(
      Effect.andThen(
        this.days.ensure(batch.days, this.connection),
        Effect.suspend(() => this.connection.pipeline(ingestMessages(moves, copy)))
      )
    ).pipe(
      Effect.catchTag(["ConnectionLost", "StatementRefused"], (error) => {
        if (error._tag === "ConnectionLost") return Effect.andThen(this.backOff(error, false), again)
        if (error.sqlState === cursorsNotMoved) return new CursorsMoved()
        const remedy = ingestRemedy(error.sqlState, error.constraint)
        if (remedy === "split") return new RowsRefused({ sqlState: error.sqlState, message: error.message })
        if (remedy === "make_partition") this.days.forget()
        return Effect.andThen(this.backOff(error, remedy === "alarm"), again)
      })
    )
  }

  private reconcile(batch: IngestBatch): Effect.Effect<void> {
    const alive = batch.advances.filter((advance) => !advance.device.isDropped)
    if (alive.length === 0) return Effect.void
    return this.untilAnswered(readStandings(this.connection, alive)).pipe(
      Effect.flatMap((standings) => {
        const standsAt = new Map<CursorAdvance, number>()
        for (const standing of standings) {
          const { advance } = standing
          if (standing._tag === "Lost") drop(advance.device, standing.reason)
          else {
            tellCommitted(advance, Math.min(standing.lastSeq, advance.lastSeq))
            if (standing.lastSeq < advance.lastSeq) standsAt.set(advance, standing.lastSeq)
          }
        }
        return this.commitPieces(batch, piecesOf(batch, standsAt))
      }),
      Effect.catchTag("CursorsMoved", () => this.reconcile(batch))
    )
  }

  private commitPieces(batch: IngestBatch, pieces: ReadonlyArray<Piece>): Effect.Effect<void, CursorsMoved> {
    if (pieces.length === 0) return Effect.void
    const moves = movesOf(batch, pieces)
    const rows = rowsOf(pieces)
    return this.attempt(batch, moves, rows.length === 0 ? undefined : batch.copyBytesOf(rows)).pipe(
      Effect.andThen(Effect.sync(() => this.settle(moves, rows.length))),
      Effect.catchTag("RowsRefused", (refused) => {
        const half = pieces.length >> 1
        if (half === 0) return this.commitRefused(batch, pieces[0] as Piece, refused)
        return Effect.andThen(
          this.commitPieces(batch, pieces.slice(0, half)),
          // Built only then: what the first half finds refused keeps the second from moving the marker there.
          Effect.suspend(() => this.commitPieces(batch, pieces.slice(half)))
        )
      })
    )
  }

  /** A point that stands alone and is refused: stored already, or put into quarantine so that the phone can let go of it. */
  private commitRefused(batch: IngestBatch, piece: Piece, refused: RowsRefused): Effect.Effect<void, CursorsMoved> {
    const quarantine = (detail: string): Effect.Effect<void, CursorsMoved> =>
      Effect.suspend(() => {
        // A point that the database refused must not be where the driver is, also when later points of the batch are committed.
        if (piece.row !== undefined && batch.recordedAtOf(piece.row) === piece.advance.markerRecordedAt) {
          piece.advance.isMarkerRefused = true
        }
        return this.commitPieces(batch, [
          { ...piece, quarantined: { seq: piece.seq, code: "refused_by_database", detail } }
        ])
      })
    if (piece.quarantined !== undefined) {
      // Only its detail can have been refused; without it nothing is left that could be.
      if (piece.quarantined.detail !== "{}")
        return this.commitPieces(batch, [{ ...piece, quarantined: { ...piece.quarantined, detail: "{}" } }])
      return Effect.andThen(this.backOff(refused, true), this.commitPieces(batch, [piece]))
    }
    const reason = quarantine(JSON.stringify({ sql_state: refused.sqlState, message: refused.message.slice(0, 200) }))
    if (refused.sqlState !== "23505" || piece.row === undefined) return reason
    return Effect.flatMap(this.isStored(batch, piece.row), (isStored) =>
      isStored ? this.commitPieces(batch, [{ ...piece, row: undefined }]) : reason
    )
  }

  private isStored(batch: IngestBatch, row: BatchRow): Effect.Effect<boolean> {
    const { device } = row.advance
    return this.untilAnswered(
      this.connection.query(
        "SELECT 1 FROM driver_location_events WHERE driver_id = $1 AND recorded_at = $2 AND device_no = $3 AND seq = $4",
        [device.driverId, new Date(batch.recordedAtOf(row)).toISOString(), device.deviceNo, row.seq]
      )
    ).pipe(Effect.map((found) => found.length > 0))
  }

  private settle(moves: ReadonlyArray<CursorMove>, rows: number): void {
    this.events.committed(moves, rows)
    for (const move of moves) tell(move.device, move.lastSeq, move.quarantined)
  }

  /** Connects first; a server that does not answer in time counts as a lost connection. */
  private connected<A>(
    effect: Effect.Effect<A, StatementRefused | ConnectionLost>
  ): Effect.Effect<A, StatementRefused | ConnectionLost> {
    return Effect.andThen(this.connection.connect, effect).pipe(
      Effect.timeoutOrElse({
        duration: Duration.millis(this.limits.ingestStatementTimeoutMs),
        orElse: () => {
          this.connection.drop()
          return new ConnectionLost({ message: "no answer within ingestStatementTimeoutMs" })
        }
      })
    )
  }

  private untilAnswered<A>(effect: Effect.Effect<A, StatementRefused | ConnectionLost>): Effect.Effect<A> {
    return this.connected(effect).pipe(
      Effect.catch((error) =>
        Effect.andThen(
          this.backOff(
            error,
            error._tag === "StatementRefused" && ingestRemedy(error.sqlState, error.constraint) === "alarm"
          ),
          this.untilAnswered(effect)
        )
      )
    )
  }

  private backOff(error: StatementRefused | ConnectionLost | RowsRefused, isAlarm: boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.events.failed(error._tag === "ConnectionLost" ? "08006" : error.sqlState, error.message, isAlarm)
      return Effect.sleep(Duration.millis(isAlarm ? this.limits.ingestAlarmRetryMs : this.limits.ingestRetryMs))
    })
  }
}

const tell = (device: IngestDevice, seq: number, quarantined: ReadonlyArray<QuarantinedPoint>): void => {
  if (seq > device.committedSeq) device.committedSeq = seq
  if (!device.isDropped) device.listener.settled(seq, quarantined)
}

/** Tells what an earlier try has committed and nobody has heard of yet. */
const tellCommitted = ({ device, quarantined = [] }: CursorAdvance, seq: number): void => {
  const toldSeq = device.committedSeq
  if (seq > toldSeq) {
    tell(
      device,
      seq,
      quarantined.filter((point) => point.seq > toldSeq && point.seq <= seq)
    )
  }
}

const drop = (device: IngestDevice, reason: CursorLost): void => {
  // The node itself may have dropped it while its cursor was being read.
  if (device.isDropped) return
  device.isDropped = true
  device.listener.lost(reason)
}
