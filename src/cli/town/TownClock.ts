import { pause } from "../fleet/ClientFleet.ts"

/** Simulated time for people: their waits are shorter by the speed. The server's time is real. */
export class TownClock {
  private readonly speed: number

  /** `speed`: simulated seconds per second. */
  constructor(speed: number) {
    this.speed = speed
  }

  /** Real milliseconds that only ever rise. */
  get monotonicMs(): number {
    return performance.now()
  }

  get unixMs(): number {
    return Date.now()
  }

  /** Simulated seconds from an arbitrary start. */
  get nowS(): number {
    return this.simulatedS(this.monotonicMs)
  }

  /** Simulated seconds of a real span in milliseconds. */
  simulatedS(realMs: number): number {
    return (realMs / 1_000) * this.speed
  }

  /** Waits so many simulated seconds; rejects with the signal's reason when it fires. */
  wait(seconds: number, signal: AbortSignal): Promise<void> {
    return pause((seconds * 1_000) / this.speed, signal)
  }
}
