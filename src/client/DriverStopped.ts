import type { StopReason } from "./DriverEvents.ts"

/** The client stopped while somebody waited for it. */
export class DriverStopped extends Error {
  readonly stop: StopReason
  readonly unacknowledged: number
  constructor(stop: StopReason, unacknowledged: number) {
    const why = stop.kind === "closed" ? `${stop.code} ${stop.reason}` : stop.kind
    super(`the driver client stopped (${why}) with ${unacknowledged} points unacknowledged`)
    this.name = "DriverStopped"
    this.stop = stop
    this.unacknowledged = unacknowledged
  }
}
