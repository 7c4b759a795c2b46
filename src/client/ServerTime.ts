import type { ClientClock } from "./ClientClock.ts"

/** The server's clock, as far as it has told: the phone's may be wrong by hours, and tokens end by the server's. */
export class ServerTime {
  private readonly clock: ClientClock
  /** Server clock minus phone clock. */
  private aheadMs = 0

  constructor(clock: ClientClock) {
    this.clock = clock
  }

  /** Unix milliseconds. */
  get nowMs(): number {
    return this.clock.unixMs() + this.aheadMs
  }

  /** The server said what time it is, Unix milliseconds. */
  set(serverMs: number): void {
    this.aheadMs = serverMs - this.clock.unixMs()
  }

  /** A moment of the server's clock on the phone's monotonic one. */
  monotonicMs(serverMs: number): number {
    return this.clock.monotonicMs() + (serverMs - this.nowMs)
  }
}
