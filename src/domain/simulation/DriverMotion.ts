import type { RoutePlanner } from "./RoutePlanner.ts"
import type { SeededRandom } from "./SeededRandom.ts"
import { isInDeadZone, type StreetNetwork, type StreetPlace, streetKinds } from "./StreetNetwork.ts"

const accelerationMps2 = 1.8
const brakingMps2 = 2.4
/** What a van takes a right angle with; straight on there is no limit. */
const cornerMps = 5
const stepS = 1
/** Between a driver's hearing of a new goal and the car's moving. */
const settingOutS = 1

/**
 * One driver's way through the city: takes the quickest route to a stop, keeps to the speed of each street, brakes for corners and
 * red lights, stands at the door, goes on to the next stop. Stops are made up unless a goal is given. A pure function of the seed, the
 * seconds and the goals it was given.
 */
export class DriverMotion {
  x: number
  y: number
  speedMps = 0
  /** Degrees clockwise from north; keeps its last value while standing. */
  headingDeg = 0
  /** How many stops were served. */
  stopsServed = 0
  private readonly network: StreetNetwork
  private readonly planner: RoutePlanner
  private readonly random: SeededRandom
  /** How this driver's speed relates to everybody's. */
  private readonly temper: number
  private crossing: number
  private route: ReadonlyArray<number> = []
  private routeIndex = 0
  private alongM = 0
  private standS: number
  private redLightS = 0
  /** The crossing to go to and to wait at; undefined: stops are made up. */
  private goal: number | undefined

  constructor(network: StreetNetwork, planner: RoutePlanner, random: SeededRandom) {
    this.network = network
    this.planner = planner
    this.random = random
    this.temper = random.between(0.88, 1.06)
    this.crossing = random.below(network.x.length)
    this.x = network.x[this.crossing] as number
    this.y = network.y[this.crossing] as number
    this.headingDeg = random.between(0, 360)
    this.standS = random.between(0, 8)
  }

  get isStanding(): boolean {
    return this.speedMps < 0.3
  }

  /** Whether the phone has no network here. */
  get isInDeadZone(): boolean {
    return isInDeadZone(this.network, this.x, this.y)
  }

  /** Whether it stands where it was sent. */
  get isAtGoal(): boolean {
    return this.crossing === this.goal && this.route.length === 0
  }

  /** The crossing it stands at or comes to next. */
  get nextCrossing(): number {
    const street = this.route[this.routeIndex]
    return street === undefined ? this.crossing : (this.network.to[street] as number)
  }

  /** Begins in a street instead of where the seed put it, standing; to be called before anything moves. */
  beginIn({ street, from, alongM }: StreetPlace): void {
    this.crossing = from
    const to = this.network.to[street] as number
    const onward = this.planner.route(to, this.random.below(this.network.x.length)) ?? []
    this.route = [street, ...onward]
    this.routeIndex = 0
    this.place(street, alongM)
    this.headingDeg = (this.bearing(street) + 360) % 360
  }

  /** Goes to a crossing, from the end of the street it is in now, and waits there for the next goal or for `roam`. */
  headFor(goal: number): void {
    if (goal === this.goal) return
    this.goal = goal
    if (this.route.length === 0) {
      this.standS = settingOutS
      return
    }
    const onward = this.planner.route(this.nextCrossing, goal) ?? []
    this.route = [...this.route.slice(0, this.routeIndex + 1), ...onward]
  }

  /** Ends an errand: drives to its end still, if it is under way, and makes up its stops again. */
  roam(): void {
    if (this.goal === undefined) return
    this.goal = undefined
    if (this.route.length === 0) this.standS = settingOutS
  }

  advance(seconds: number): void {
    for (let left = seconds; left > 0; left -= stepS) this.step(Math.min(stepS, left))
  }

  private step(spanS: number): void {
    if (this.standS > 0) {
      this.standS -= spanS
      this.speedMps = 0
      if (this.standS <= 0) this.setOut()
      return
    }
    const street = this.route[this.routeIndex]
    if (street === undefined) {
      this.arrive()
      return
    }
    const leftM = (this.network.lengthM[street] as number) - this.alongM
    const endMps = this.endSpeedMps(street)
    const wantedMps = Math.min(this.flowMps(street), Math.sqrt(endMps * endMps + 2 * brakingMps2 * leftM))
    const change = wantedMps - this.speedMps
    this.speedMps += Math.min(Math.max(change, -2 * brakingMps2 * spanS), accelerationMps2 * spanS)
    const moveM = Math.max(this.speedMps, 0.5) * spanS
    if (moveM >= leftM) this.enterNext(street, moveM - leftM)
    else this.place(street, this.alongM + moveM)
  }

  private flowMps(street: number): number {
    return this.kindOf(street).speedMps * this.temper
  }

  private kindOf(street: number): (typeof streetKinds)[number] {
    return streetKinds[this.network.kind[street] as number] ?? streetKinds[0]
  }

  /** How fast the crossing at the street's end may be passed. */
  private endSpeedMps(street: number): number {
    const next = this.route[this.routeIndex + 1]
    if (next === undefined || this.redLightS > 0) return 0
    const turn = Math.abs(((this.bearing(next) - this.bearing(street) + 540) % 360) - 180)
    if (turn < 20) return this.flowMps(next)
    return Math.max(cornerMps, this.flowMps(next) * (1 - turn / 90))
  }

  private bearing(street: number): number {
    const to = this.network.to[street] as number
    const from = this.originOf(street)
    const dx = (this.network.x[to] as number) - (this.network.x[from] as number)
    const dy = (this.network.y[to] as number) - (this.network.y[from] as number)
    return (Math.atan2(dx, dy) * 180) / Math.PI
  }

  /** The crossing that a street of the route starts from. */
  private originOf(street: number): number {
    const index = this.route[this.routeIndex] === street ? this.routeIndex : this.routeIndex + 1
    const before = index === 0 ? undefined : this.route[index - 1]
    return before === undefined ? this.crossing : (this.network.to[before] as number)
  }

  private place(street: number, alongM: number): void {
    const from = this.originOf(street)
    const to = this.network.to[street] as number
    const share = alongM / (this.network.lengthM[street] as number)
    const [fromX, fromY] = [this.network.x[from] as number, this.network.y[from] as number]
    this.x = fromX + ((this.network.x[to] as number) - fromX) * share
    this.y = fromY + ((this.network.y[to] as number) - fromY) * share
    this.alongM = alongM
    if (!this.isStanding) this.headingDeg = (this.bearing(street) + 360) % 360
  }

  private enterNext(street: number, restM: number): void {
    const to = this.network.to[street] as number
    if (this.redLightS > 0) {
      this.place(street, this.network.lengthM[street] as number)
      this.standS = this.redLightS
      this.redLightS = 0
      return
    }
    this.routeIndex++
    const next = this.route[this.routeIndex]
    if (next === undefined) {
      this.x = this.network.x[to] as number
      this.y = this.network.y[to] as number
      this.arrive()
      return
    }
    this.redLightS = this.random.chance(this.kindOf(next).signalChance) ? this.random.between(4, 45) : 0
    this.place(next, Math.min(restM, this.network.lengthM[next] as number))
  }

  /** After a red light the route goes on; after a stop a new one begins. */
  private setOut(): void {
    if (this.routeIndex < this.route.length) return
    const goal = this.goal ?? this.random.below(this.network.x.length)
    this.route = this.planner.route(this.crossing, goal) ?? []
    this.routeIndex = 0
    this.alongM = 0
    this.redLightS = 0
  }

  private arrive(): void {
    const last = this.route.at(-1)
    if (last !== undefined) {
      this.crossing = this.network.to[last] as number
      this.stopsServed++
    }
    this.route = []
    this.routeIndex = 0
    this.alongM = 0
    this.speedMps = 0
    this.standS = this.isAtGoal ? Number.POSITIVE_INFINITY : this.random.between(40, 240)
  }
}
