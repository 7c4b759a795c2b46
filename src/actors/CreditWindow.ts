import type { Limits } from "../config/Limits.ts"

/**
 * How many points a device may have unacknowledged. A window that is lowered still counts for `windowGraceMs`, since points
 * sent before the phone heard of it are on their way.
 */
export class CreditWindow {
  /** What was granted last. */
  granted: number
  private earlier = 0
  private earlierUntil = 0
  private readonly limits: Limits
  private refusals: Array<number> | undefined

  constructor(granted: number, limits: Limits) {
    this.granted = granted
    this.limits = limits
  }

  grant(window: number, now: number): void {
    if (window < this.granted) {
      this.earlier = Math.max(this.granted, now < this.earlierUntil ? this.earlier : 0)
      this.earlierUntil = now + this.limits.windowGraceMs
    }
    this.granted = window
  }

  /** The largest window granted in the last `windowGraceMs`. */
  acceptable(now: number): number {
    return now < this.earlierUntil && this.earlier > this.granted ? this.earlier : this.granted
  }

  /** Counts a refusal; true when there were too many and the connection must go (4005). */
  refuse(now: number): boolean {
    const recent = (this.refusals ?? []).filter((at) => now - at < this.limits.creditRefusalsSpanMs)
    recent.push(now)
    this.refusals = recent
    return recent.length >= this.limits.creditRefusalsMax
  }
}
