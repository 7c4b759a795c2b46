import { bareFix, type WireFix } from "./Fix.ts"

/** A point that waits for its acknowledgement. */
export interface QueuedPoint extends WireFix {
  seq: number
  /** Monotonic milliseconds of the first sending; NaN until then. */
  firstSentAtMs: number
}

/** Dropped slots are reclaimed once there are this many, and at least as many as points that stay. */
const reclaimFrom = 64

/**
 * The points of one device that are not acknowledged yet, numbered without holes. An array with a head index: dropping the
 * acknowledged ones moves the head, and nothing is shifted until half of the array is empty.
 */
export class PointQueue {
  private points: Array<QueuedPoint> = []
  private head = 0
  /** The number that the next point gets. */
  nextSeq = 1

  get length(): number {
    return this.points.length - this.head
  }

  /** Number of the oldest point; `nextSeq` when there is none. */
  get firstSeq(): number {
    return this.nextSeq - this.length
  }

  push(fix: WireFix): QueuedPoint {
    const point: QueuedPoint = { ...bareFix(fix), seq: this.nextSeq++, firstSentAtMs: Number.NaN }
    this.points.push(point)
    return point
  }

  at(seq: number): QueuedPoint | undefined {
    const index = this.head + seq - this.firstSeq
    return seq < this.firstSeq ? undefined : this.points[index]
  }

  get newest(): QueuedPoint | undefined {
    return this.length === 0 ? undefined : this.points[this.points.length - 1]
  }

  /** Drops every point up to `seq`, telling `each` of it, oldest first. Returns how many there were. */
  dropThrough(seq: number, each: (point: QueuedPoint) => void): number {
    const count = Math.min(this.length, Math.max(0, seq - this.firstSeq + 1))
    for (let i = this.head; i < this.head + count; i++) each(this.points[i] as QueuedPoint)
    this.head += count
    if (this.head === this.points.length) {
      this.points.length = 0
      this.head = 0
    } else if (this.head >= reclaimFrom && this.head * 2 >= this.points.length) {
      this.points.splice(0, this.head)
      this.head = 0
    }
    return count
  }

  /** Gives the oldest point the number `firstSeq` and the others those after it. */
  renumber(firstSeq: number): void {
    let seq = firstSeq
    for (let i = this.head; i < this.points.length; i++) (this.points[i] as QueuedPoint).seq = seq++
    this.nextSeq = seq
  }

  /**
   * The points from `seq` on that may share one frame: at most `countMax`, with one source and one battery level (a BATCH has
   * them once), and a clock that does not step back.
   */
  frameFrom(seq: number, countMax: number): ReadonlyArray<QueuedPoint> {
    const start = this.head + seq - this.firstSeq
    let last = this.points[start]
    if (last === undefined) return []
    let end = start + 1
    for (const endMax = Math.min(start + countMax, this.points.length); end < endMax; end++) {
      const next = this.points[end] as QueuedPoint
      if (next.recordedAt < last.recordedAt || next.source !== last.source || next.battery !== last.battery) break
      last = next
    }
    return this.points.slice(start, end)
  }
}
