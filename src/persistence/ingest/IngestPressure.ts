import type { Limits } from "../../config/Limits.ts"
import type { IngestLane } from "./IngestLane.ts"

/** How much this node holds for the database, and whether it may take more. */
export class IngestPressure {
  /** Points that wait for their commit. */
  held = 0
  isOpen = true
  private readonly limits: Limits

  constructor(limits: Limits) {
    this.limits = limits
  }

  /** Whether `points` more would exceed what a node may hold. */
  isFull(points: number): boolean {
    return this.held + points > this.limits.bufferedPointsMax
  }

  /**
   * Judges anew: closed when some lane's oldest point has waited too long or the buffer is nearly full, open again when all
   * lanes move and half of it is free. Says whether that changed.
   */
  judge(lanes: ReadonlyArray<IngestLane>, now: number): boolean {
    const { bufferedPointsHighPct, bufferedPointsLowPct, bufferedPointsMax, creditCloseAfterMs } = this.limits
    const isStalled = lanes.some((lane) => now - lane.oldestAt > creditCloseAfterMs)
    const pct = (this.held / bufferedPointsMax) * 100
    const isOpen = !isStalled && pct < (this.isOpen ? bufferedPointsHighPct : bufferedPointsLowPct)
    const hasChanged = isOpen !== this.isOpen
    this.isOpen = isOpen
    return hasChanged
  }
}
