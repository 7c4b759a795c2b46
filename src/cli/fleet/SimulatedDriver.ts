import type { DriverClient } from "../../client/DriverClient.ts"
import type { DriverMotion } from "../../domain/simulation/DriverMotion.ts"
import type { PhoneSensor } from "../../domain/simulation/PhoneSensor.ts"
import type { StreetNetwork } from "../../domain/simulation/StreetNetwork.ts"
import type { Camera } from "./Camera.ts"
import type { Disappearance } from "./Disappearance.ts"
import type { DriverChat } from "./DriverChat.ts"
import type { Errands } from "./Errands.ts"
import type { OfferReplies } from "./OfferReplies.ts"

/** However often the server would like positions, a receiver gives no more than five a second. */
const stepMsMin = 200
/** What sums of steps may differ by. */
const roundingS = 1e-6

/** What a simulated driver is made of. */
export interface DriverParts {
  readonly driverId: string
  readonly client: DriverClient
  readonly motion: DriverMotion
  readonly sensor: PhoneSensor
  readonly errands: Errands
  readonly offers: OfferReplies
  readonly camera: Camera
  readonly chat: DriverChat
  readonly disappearance: Disappearance
  /** Simulated seconds for each second of the phone's clock. */
  readonly pace: number
  /** When its receiver ticks, seconds, so that a fleet does not report as one. */
  readonly phaseS: number
}

/** The streets and everybody who drives in them. */
export interface City {
  readonly network: StreetNetwork
  readonly drivers: ReadonlyArray<SimulatedDriver>
}

/** A driver, the car's way, the phone in it and the work to do. */
export class SimulatedDriver {
  readonly driverId: string
  readonly client: DriverClient
  readonly motion: DriverMotion
  readonly errands: Errands
  readonly offers: OfferReplies
  readonly camera: Camera
  readonly chat: DriverChat
  private readonly disappearance: Disappearance
  private readonly pace: number
  private readonly sensor: PhoneSensor
  /** Where the motion is, and when the last position was reported; seconds of simulated time. */
  private movedToS: number
  private reportedAtS = Number.NEGATIVE_INFINITY
  /** Times the phone lost its network. */
  outages = 0

  constructor(parts: DriverParts) {
    this.driverId = parts.driverId
    this.client = parts.client
    this.motion = parts.motion
    this.sensor = parts.sensor
    this.errands = parts.errands
    this.offers = parts.offers
    this.camera = parts.camera
    this.chat = parts.chat
    this.disappearance = parts.disappearance
    this.pace = parts.pace
    this.movedToS = parts.phaseS
  }

  /** Connected, and without anything to do. */
  get isFree(): boolean {
    return this.client.state === "live" && this.errands.isIdle
  }

  /** Lives up to `nowS` seconds of simulated time, reporting at the server's cadence. `unixMs`: a second as a time. */
  liveUntil(nowS: number, unixMs: (atS: number) => number): void {
    const { movingMs, idleMs } = this.client.cadence
    const stepS = Math.max(stepMsMin, movingMs) / 1_000
    const movingS = stepS * this.pace
    const idleS = (idleMs / 1_000) * this.pace
    for (let atS = this.movedToS + stepS; atS <= nowS; atS += stepS) {
      this.motion.advance(stepS)
      this.movedToS = atS
      const sinceS = atS - this.reportedAtS
      if (sinceS + roundingS >= (this.motion.isStanding ? idleS : movingS)) {
        const reading = this.sensor.read(Math.min(sinceS, atS))
        this.client.report({ ...reading, recordedAt: Math.floor(unixMs(atS)), source: "fused" })
        this.reportedAtS = atS
      }
      this.followNetwork(atS)
      this.offers.live(stepS)
      this.errands.live(stepS, unixMs(atS))
    }
  }

  private followNetwork(atS: number): void {
    const isOut = this.disappearance.isAt(atS) || this.motion.isInDeadZone
    if (isOut && this.client.state !== "offline") {
      this.outages++
      this.client.offline()
    } else if (!isOut && this.client.state === "offline") this.client.online()
  }
}
