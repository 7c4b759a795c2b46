import type { Limits } from "../../config/Limits.ts"

/**
 * What must be remembered of a device's credit besides the window that is granted now: the wider one before it, and the points
 * sent beyond it. A device that never saw credit closed and never exceeded it has none of this.
 */
export class CreditHistory {
  private wider = 0
  private widerUntil = 0
  private refusals: ReadonlyArray<number> = []

  /** The window became smaller. The one before still counts for `windowGraceMs`: points sent by it are on their way. */
  lowered(from: number, now: number, limits: Limits): void {
    this.wider = Math.max(from, now < this.widerUntil ? this.wider : 0)
    this.widerUntil = now + limits.windowGraceMs
  }

  /** The largest window granted in the last `windowGraceMs`, `granted` being the newest. */
  acceptable(granted: number, now: number): number {
    return now < this.widerUntil ? Math.max(granted, this.wider) : granted
  }

  /** Counts a refusal; true when there were too many and the connection must go (4005). */
  refuse(now: number, limits: Limits): boolean {
    this.refusals = [...this.refusals.filter((at) => now - at < limits.creditRefusalsSpanMs), now]
    return this.refusals.length >= limits.creditRefusalsMax
  }
}
