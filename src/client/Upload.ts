import { batchFrame, pointFrame } from "../protocol/PointFrames.ts"
import type { DriverCounters } from "./DriverCounters.ts"
import type { StoredDriver } from "./DriverStore.ts"
import type { WireFix } from "./Fix.ts"
import type { LatencyHistogram } from "./LatencyHistogram.ts"
import { PointQueue, type QueuedPoint } from "./PointQueue.ts"

/**
 * Points of the largest BATCH (02-protocol, section 1). Each takes at most 32 bytes of MessagePack, so 500 stay under the
 * frame limit of 16 KiB whatever their values.
 */
export const framePointsMax = 500

/** How the server wants points: one each `movingMs` while moving, each `idleMs` at rest, `batch` to a frame. */
export interface Cadence {
  readonly movingMs: number
  readonly idleMs: number
  readonly batch: number
}

/** What WELCOME says about the device's sequence. */
export interface LineUp {
  readonly ackedSeq: number
  readonly lastRecordedAt: number | null
  readonly window: number
}

/** What came of a WELCOME: `dropped` points were committed already; `renumbered` the server knew less than the app. */
export type LinedUp =
  | { readonly kind: "lined_up"; readonly dropped: number; readonly renumbered: boolean }
  /** The sequence is not this queue's: take a new deviceId. Nothing was changed. */
  | { readonly kind: "foreign_sequence" }

/** Whether a frame about the sequence fits what was sent; if not, only a new HELLO can tell where things stand. */
export type Standing = "known" | "unknown"

/**
 * One device's points on their way: which are sent, which are settled, how many more may go, and when. Knows no socket and no
 * clock: the caller brings the monotonic time. Every rule is from 02-protocol, section 2, "Telemetry".
 */
export class Upload {
  readonly queue = new PointQueue()
  ackedSeq = 0
  /** Time of the point `ackedSeq`; null when it is not known. */
  ackedRecordedAt: number | null = null
  cadence: Cadence = { movingMs: 1_000, idleMs: 15_000, batch: 1 }
  private sentSeq = 0
  private window = 0
  private isAwaitingCredit = false
  private resumeAtMs = Number.NEGATIVE_INFINITY
  private holdUntilMs = Number.NEGATIVE_INFINITY
  private lastFlaggedSeq = 0
  private readonly holdMsMax: number
  private readonly counters: DriverCounters
  private readonly ackLatency: LatencyHistogram

  /** `holdMsMax`: the longest a point waits for its batch to fill. */
  constructor(holdMsMax: number, counters: DriverCounters, ackLatency: LatencyHistogram) {
    this.holdMsMax = holdMsMax
    this.counters = counters
    this.ackLatency = ackLatency
  }

  /** Points reported and not sent since the last WELCOME or REFUSED. */
  get unsent(): number {
    return this.queue.nextSeq - 1 - this.sentSeq
  }

  get unacknowledged(): number {
    return this.sentSeq - this.ackedSeq
  }

  report(fix: WireFix, nowMs: number): QueuedPoint {
    if (this.unsent === 0) {
      const holdMs = Math.min(this.cadence.movingMs * (this.cadence.batch - 1), this.holdMsMax)
      this.holdUntilMs = nowMs + holdMs
    }
    return this.queue.push(fix)
  }

  /** Takes up where an earlier process of this app left off. The queue must be empty. */
  resume(stored: Pick<StoredDriver, "ackedSeq" | "ackedRecordedAt" | "points">): void {
    this.ackedSeq = stored.ackedSeq
    this.sentSeq = stored.ackedSeq
    this.ackedRecordedAt = stored.ackedRecordedAt
    this.queue.nextSeq = stored.ackedSeq + 1
    for (const fix of stored.points) this.queue.push(fix)
  }

  /** No connection: nothing counts as sent, and nothing may be. */
  disconnect(): void {
    this.window = 0
    this.sentSeq = this.ackedSeq
    this.isAwaitingCredit = false
    this.resumeAtMs = Number.NEGATIVE_INFINITY
  }

  /** Lines the queue up with the server's sequence, after WELCOME and before the first point. */
  lineUp(welcome: LineUp, nowMs: number): LinedUp {
    const { ackedSeq, lastRecordedAt } = welcome
    const known = this.recordedAtOf(ackedSeq)
    const differs = lastRecordedAt !== null && known !== null && known !== lastRecordedAt
    if (ackedSeq >= this.queue.nextSeq || differs) return { kind: "foreign_sequence" }
    const dropped = this.settle(ackedSeq, nowMs)
    this.counters.ackedUnseen += dropped
    const renumbered = this.queue.firstSeq > ackedSeq + 1
    if (renumbered) {
      this.queue.renumber(ackedSeq + 1)
      this.lastFlaggedSeq = 0
    }
    this.ackedSeq = ackedSeq
    this.ackedRecordedAt = lastRecordedAt ?? known
    this.sentSeq = ackedSeq
    this.window = welcome.window
    this.isAwaitingCredit = false
    this.resumeAtMs = Number.NEGATIVE_INFINITY
    return { kind: "lined_up", dropped, renumbered }
  }

  /** Numbers the queue from 1, for a new deviceId. */
  restart(): void {
    this.queue.renumber(1)
    this.ackedSeq = 0
    this.ackedRecordedAt = null
    this.sentSeq = 0
    this.lastFlaggedSeq = 0
  }

  /** ACK: every point up to `seq` is settled. */
  acknowledge(seq: number, nowMs: number): Standing {
    if (!(seq < this.queue.nextSeq)) return "unknown"
    if (seq <= this.ackedSeq) return "known"
    this.ackedRecordedAt = this.recordedAtOf(seq)
    this.settle(seq, nowMs)
    this.ackedSeq = seq
    if (this.sentSeq < seq) this.sentSeq = seq
    this.isAwaitingCredit = false
    return "known"
  }

  /** REFUSED: go back to `expectedSeq`. `credit_exceeded` waits for an ACK or CREDIT, anything else for `retryAfterMs`. */
  refuse(expectedSeq: number, code: string, retryAfterMs: number, nowMs: number): Standing {
    if (expectedSeq <= this.ackedSeq || expectedSeq > this.sentSeq + 1) return "unknown"
    this.sentSeq = expectedSeq - 1
    if (code === "credit_exceeded") this.isAwaitingCredit = true
    else this.resumeAtMs = nowMs + retryAfterMs
    return "known"
  }

  /** CREDIT: how many points may be unacknowledged from now on; 0 pauses. */
  credit(window: number): void {
    this.window = window
    if (window > 0) this.isAwaitingCredit = false
  }

  /** FLAGGED. Returns whether it is news: the same point may be named again after a reconnect. */
  flag(seq: number): boolean {
    if (seq <= this.lastFlaggedSeq) return false
    this.lastFlaggedSeq = seq
    this.counters.quarantined++
    return true
  }

  /** The next frame that may be sent now; undefined when there is none. `eager`: do not wait for the batch to fill. */
  nextFrame(nowMs: number, eager: boolean): ReadonlyArray<unknown> | undefined {
    const count = this.sendable
    if (count === 0 || nowMs < this.resumeAtMs || (!eager && this.isHeld && nowMs < this.holdUntilMs)) return undefined
    const points = this.queue.frameFrom(this.sentSeq + 1, count)
    const first = points[0]
    if (first === undefined) return undefined
    for (const point of points) {
      if (Number.isNaN(point.firstSentAtMs)) {
        point.firstSentAtMs = nowMs
        this.counters.sent++
      } else this.counters.resent++
    }
    this.counters.frames++
    this.sentSeq += points.length
    return points.length === 1
      ? pointFrame(first, first.battery, first.source)
      : batchFrame(points, first.battery, first.source)
  }

  /** When `nextFrame` may have something without any further event; infinity when only an event can help. */
  get dueAtMs(): number {
    if (this.sendable === 0) return Number.POSITIVE_INFINITY
    return Math.max(this.resumeAtMs, this.isHeld ? this.holdUntilMs : Number.NEGATIVE_INFINITY)
  }

  /** Too few points for a batch: they wait for more until `holdUntilMs`. */
  private get isHeld(): boolean {
    return this.unsent < this.cadence.batch
  }

  /** How many points credit lets go. */
  private get sendable(): number {
    const { unsent, unacknowledged, window } = this
    const room = window - unacknowledged
    if (unsent === 0 || room <= 0 || this.isAwaitingCredit) return 0
    // A backlog would otherwise go out in crumbs, one frame for each few points that an ACK sets free.
    if (unacknowledged > 0 && room < Math.min(unsent, framePointsMax, window / 4)) return 0
    return Math.min(unsent, room, framePointsMax)
  }

  private settle(seq: number, nowMs: number): number {
    const dropped = this.queue.dropThrough(seq, (point) => {
      // A point that was committed by an earlier process of this app has no first sending here.
      if (!Number.isNaN(point.firstSentAtMs)) this.ackLatency.record(nowMs - point.firstSentAtMs)
    })
    this.counters.acked += dropped
    return dropped
  }

  private recordedAtOf(seq: number): number | null {
    if (seq === this.ackedSeq) return this.ackedRecordedAt
    return this.queue.at(seq)?.recordedAt ?? null
  }
}
