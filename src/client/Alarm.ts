import type { ClientClock, TimerHandle } from "./ClientClock.ts"

/** The longest a platform timer can run; a longer wait is set again when it fires. */
const timerMsMax = 2 ** 31 - 1

/**
 * One timer for everything that a client waits for. It may ring early, never late: whoever is rung looks at what is due and sets it
 * again. So moving a deadline further away costs nothing, which matters when each acknowledgement moves several.
 */
export class Alarm {
  private readonly clock: ClientClock
  private readonly ring: () => void
  private timer: TimerHandle | undefined
  private wakeAtMs = Number.POSITIVE_INFINITY

  constructor(clock: ClientClock, ring: () => void) {
    this.clock = clock
    this.ring = ring
  }

  /** Rings at `atMs` of the monotonic clock at the latest; infinity asks for nothing. */
  set(atMs: number): void {
    if (atMs >= this.wakeAtMs) return
    if (this.timer !== undefined) this.clock.clearTimer(this.timer)
    this.wakeAtMs = atMs
    const afterMs = Math.min(Math.max(1, Math.ceil(atMs - this.clock.monotonicMs())), timerMsMax)
    this.timer = this.clock.setTimer(this.wake, afterMs)
  }

  clear(): void {
    if (this.timer !== undefined) this.clock.clearTimer(this.timer)
    this.timer = undefined
    this.wakeAtMs = Number.POSITIVE_INFINITY
  }

  private readonly wake = (): void => {
    this.timer = undefined
    this.wakeAtMs = Number.POSITIVE_INFINITY
    this.ring()
  }
}
