import type { DriverMotion } from "./DriverMotion.ts"
import type { SeededRandom } from "./SeededRandom.ts"
import { placeDegrees, type StreetNetwork } from "./StreetNetwork.ts"

/** What a phone reports of itself at one moment. Metres, seconds, degrees; battery 0..100. */
export interface PhoneReading {
  readonly lat: number
  readonly lng: number
  readonly speedMps: number
  readonly headingDeg: number | undefined
  readonly accuracyM: number
  readonly battery: number
}

/** How long an error lasts: neighbouring fixes err alike, which is why a GPS track wanders rather than jumps. */
const errorLastsS = 40
const drainPerS = 100 / (9 * 3_600)
const chargePerS = 100 / (2 * 3_600)
const plugInBelow = 15
const unplugAbove = 90

/**
 * A phone in a driver's car: adds what a receiver adds. The error is a Gauss-Markov process whose size is the reported 68 %
 * radius, which itself drifts between open sky (3 m) and street canyons (30 m).
 */
export class PhoneSensor {
  private readonly network: StreetNetwork
  private readonly motion: DriverMotion
  private readonly random: SeededRandom
  private errorX: number
  private errorY: number
  private accuracyM: number
  private battery: number
  private isCharging = false

  constructor(network: StreetNetwork, motion: DriverMotion, random: SeededRandom) {
    this.network = network
    this.motion = motion
    this.random = random
    this.accuracyM = random.between(4, 9)
    this.errorX = random.normal()
    this.errorY = random.normal()
    this.battery = random.between(35, 100)
  }

  /** The reading `seconds` after the one before; the motion has been advanced by as much. */
  read(seconds: number): PhoneReading {
    this.age(seconds)
    const { motion } = this
    // 68 % of a two-dimensional normal error lies within 1.51 of its deviation along one axis.
    const deviationM = this.accuracyM / 1.51
    const place = placeDegrees(this.network, motion.x + this.errorX * deviationM, motion.y + this.errorY * deviationM)
    const speedMps = motion.isStanding ? 0 : Math.max(0, motion.speedMps + this.random.normal() * 0.3)
    return {
      lat: place.lat,
      lng: place.lng,
      speedMps,
      headingDeg: motion.isStanding ? undefined : (motion.headingDeg + this.random.normal() * 4 + 720) % 360,
      accuracyM: this.accuracyM,
      battery: Math.round(this.battery)
    }
  }

  private age(seconds: number): void {
    const keeps = Math.exp(-seconds / errorLastsS)
    const renews = Math.sqrt(1 - keeps * keeps)
    this.errorX = this.errorX * keeps + this.random.normal() * renews
    this.errorY = this.errorY * keeps + this.random.normal() * renews
    const drift = this.random.normal() * Math.sqrt(Math.min(seconds, 30)) * 0.4
    this.accuracyM = Math.min(30, Math.max(3, this.accuracyM + drift + (6 - this.accuracyM) * 0.02))
    if (this.battery < plugInBelow) this.isCharging = true
    if (this.battery > unplugAbove) this.isCharging = false
    this.battery = Math.min(100, Math.max(1, this.battery + seconds * (this.isCharging ? chargePerS : -drainPerS)))
  }
}
