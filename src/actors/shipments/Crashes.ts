/** How often an actor may crash, and what becomes of one that crashes more often. */
export interface CrashBounds {
  readonly restartsPerMinuteMax: number
  readonly parkedMs: number
}

/**
 * The crashes of one actor. One that crashes again and again is parked: for a while it takes nothing, so that a poisoned command
 * that is sent again and again cannot keep a node busy.
 */
export class Crashes {
  private readonly bounds: CrashBounds
  private times: ReadonlyArray<number> = []
  private parkedUntil = 0

  constructor(bounds: CrashBounds) {
    this.bounds = bounds
  }

  /** Whether the actor takes nothing at a time (Unix ms). */
  isParked(now: number): boolean {
    return now < this.parkedUntil
  }

  /** Counts a crash; true when it was one too many, and the actor is parked. */
  note(now: number): boolean {
    this.times = [...this.times.filter((at) => now - at < 60_000), now]
    if (this.times.length <= this.bounds.restartsPerMinuteMax) return false
    this.parkedUntil = now + this.bounds.parkedMs
    return true
  }
}
