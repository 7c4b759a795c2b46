import type { ClientClock } from "../../src/client/ClientClock.ts"

interface Timer {
  readonly atMs: number
  readonly order: number
  readonly wake: () => void
}

/** Lets promises that are ready run to their end, without any time going by. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A clock that stands still until it is told to go on. */
export class VirtualClock implements ClientClock {
  nowMs = 0
  private order = 0
  private timers: Array<Timer> = []
  private readonly startUnixMs: number

  constructor(startUnixMs = Date.UTC(2026, 0, 12, 17)) {
    this.startUnixMs = startUnixMs
  }

  readonly unixMs = (): number => this.startUnixMs + this.nowMs
  readonly monotonicMs = (): number => this.nowMs

  readonly setTimer = (wake: () => void, afterMs: number): Timer => {
    const timer = { atMs: this.nowMs + afterMs, order: this.order++, wake }
    this.timers.push(timer)
    return timer
  }

  readonly clearTimer = (timer: unknown): void => {
    this.timers = this.timers.filter((other) => other !== timer)
  }

  get armed(): number {
    return this.timers.length
  }

  /** Lets `spanMs` go by, waking every timer at its time. */
  async advance(spanMs: number): Promise<void> {
    const endMs = this.nowMs + spanMs
    await settle()
    for (;;) {
      const next = this.timers
        .filter(({ atMs }) => atMs <= endMs)
        .sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0]
      if (next === undefined) break
      this.clearTimer(next)
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.wake()
      await settle()
    }
    this.nowMs = endMs
  }
}
