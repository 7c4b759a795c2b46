import { Clock, Duration, Effect, Latch } from "effect"
import type { Limits } from "../../config/Limits.ts"
import type { BatchCommit } from "./BatchCommit.ts"
import { IngestBatch } from "./IngestBatch.ts"

/**
 * One writer connection's queue of batches, and the loop that commits them in order. Each driver belongs to one lane, so a
 * device's points are committed in the order they came, and its acknowledgements are cumulative.
 *
 * Tricky interleavings
 * - A newer HELLO takes the cursor while a batch of the old session waits: the fence fails, the batch is reconciled, the old
 *   session's rows are dropped unacknowledged; the phone sends them again on its new connection.
 *   Test: "a takeover in the middle of a flush neither loses nor doubles a point".
 * - The connection dies after COMMIT was sent: the outcome is read from the cursor, never guessed.
 *   Test: "a cut after COMMIT neither loses nor repeats a point".
 * - A server that was silent commits late, after the batch was sent again: whichever commits second fails the fence.
 */
export class IngestLane {
  private readonly queue: Array<IngestBatch> = []
  private readonly spare: Array<IngestBatch> = []
  private open: IngestBatch
  private readonly hasWork = Latch.makeUnsafe(false)
  private readonly hasEnough = Latch.makeUnsafe(false)
  private readonly commit: BatchCommit
  private readonly limits: Limits
  private readonly released: (points: number) => void
  private committing: IngestBatch | undefined

  /** `released` hears how many points have left the buffer. */
  constructor(commit: BatchCommit, limits: Limits, released: (points: number) => void) {
    this.commit = commit
    this.limits = limits
    this.released = released
    this.open = new IngestBatch(limits.flushPointsMax)
  }

  /** The batch that takes the next `points` points. Called for each frame, so it does little more than compare. */
  batchFor(points: number, now: number): IngestBatch {
    if (this.open.points + points > this.limits.flushPointsMax) this.rotate()
    const batch = this.open
    if (batch.points === 0) {
      batch.openedAt = now
      this.hasWork.openUnsafe()
    }
    return batch
  }

  /** Lets a lane that waits for more go on once there is enough. Called after each frame. */
  appended(): void {
    if (this.open.points >= this.limits.flushPointsMin) this.hasEnough.openUnsafe()
  }

  /** Whether nothing is waiting or under way. */
  get isIdle(): boolean {
    return this.committing === undefined && this.queue.length === 0 && this.open.points === 0
  }

  /** When the oldest point that is not settled came in, server clock in ms; NaN when there is none. */
  get oldestAt(): number {
    return (this.committing ?? this.queue[0] ?? this.open).openedAt
  }

  /** Commits for ever. */
  readonly run: Effect.Effect<never> = Effect.forever(Effect.suspend(() => this.step()))

  private step(): Effect.Effect<void> {
    if (this.committing !== undefined) this.abandon(this.committing)
    if (this.queue.length === 0 && this.open.points === 0) {
      this.hasWork.closeUnsafe()
      return this.hasWork.await
    }
    return Effect.andThen(
      this.gather(),
      Effect.suspend(() => this.commitNext())
    )
  }

  /** A defect ended the last commit half-way. Its sessions are ended, so that their phones line up with the database again. */
  private abandon(batch: IngestBatch): void {
    for (const { device } of batch.advances) {
      if (device.isDropped) continue
      device.isDropped = true
      device.listener.lost("writer_failed")
    }
    this.committing = undefined
    this.released(batch.points)
  }

  /** Waits until the oldest point is `flushAfterMs` old, or there are `flushPointsMin`. */
  private gather(): Effect.Effect<void> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const waitMs = this.open.openedAt + this.limits.flushAfterMs - now
      if (this.queue.length > 0 || this.open.points >= this.limits.flushPointsMin || !(waitMs > 0)) return Effect.void
      this.hasEnough.closeUnsafe()
      return Effect.asVoid(Effect.timeoutOption(this.hasEnough.await, Duration.millis(waitMs)))
    })
  }

  private rotate(): void {
    this.queue.push(this.open)
    this.open = this.spare.pop() ?? new IngestBatch(this.limits.flushPointsMax)
    this.hasEnough.openUnsafe()
  }

  private commitNext(): Effect.Effect<void> {
    if (this.queue.length === 0) this.rotate()
    const batch = this.queue.shift() as IngestBatch
    // A device's next point must open a new advance, or it would be written into a batch that is being sent.
    for (const advance of batch.advances) if (advance.device.advance === advance) advance.device.advance = undefined
    const points = batch.points
    this.committing = batch
    return this.commit.commit(batch).pipe(
      Effect.andThen(
        Effect.sync(() => {
          this.committing = undefined
          batch.reset()
          // A backlog may have needed many batches; the steady state needs two.
          if (this.spare.length < 2) this.spare.push(batch)
          this.released(points)
        })
      )
    )
  }
}
