/** A timer that was set; opaque. */
export type TimerHandle = unknown

/** Time and timers as the client sees them. Injectable, so that a test owns every second. */
export interface ClientClock {
  /** Wall clock, Unix milliseconds: for times that others read. It may step. */
  readonly unixMs: () => number
  /** Monotonic milliseconds from an arbitrary start: for delays and latencies. */
  readonly monotonicMs: () => number
  readonly setTimer: (wake: () => void, afterMs: number) => TimerHandle
  readonly clearTimer: (timer: TimerHandle) => void
}

/** The machine's own clock. */
export const systemClock: ClientClock = {
  unixMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer: (wake, afterMs) => setTimeout(wake, afterMs),
  clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>)
}
