import type { DeliveryRest, Shipment } from "../../client/DeliveryRest.ts"
import { Problem, ServerUnreachable } from "../../client/Problem.ts"
import type { ShipmentStatus } from "../../domain/Shipment.ts"
import type { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import type { City, SimulatedDriver } from "../fleet/SimulatedDriver.ts"
import type { TownClock } from "./TownClock.ts"
import type { TownLedger } from "./TownLedger.ts"

export interface DispatcherInput {
  readonly city: City
  /** Should not repeat what is refused for now: the next round does. */
  readonly rest: DeliveryRest
  readonly random: SeededRandom
  readonly clock: TownClock
  readonly ledger: TownLedger
}

/** What nobody has; looked at each round. */
const waitingStatuses: ReadonlyArray<ShipmentStatus> = ["created", "dispatching"]
/** What a driver has; looked at for those who do not get on. */
const carriedStatuses: ReadonlyArray<ShipmentStatus> = [
  "assigned",
  "en_route_to_pickup",
  "at_pickup",
  "picked_up",
  "en_route",
  "arrived"
]
const pageMax = 200
const pagesMax = 10
/** Simulated seconds. */
const roundEveryS = 6
const lookAtCarriedEveryS = 60
/** A shipment that has not moved for so long is taken from its driver, simulated seconds. */
const stuckAfterS = 900
/** What was asked of a shipment shows in the next list but one. */
const restsS = 15
const askedAtOnceMax = 8

/**
 * A dispatcher as a script over REST: gives what waits to drivers who are near and free, and what does not move to another.
 * It sees who is connected as any console does; who will vanish it does not know.
 */
export class ScriptedDispatcher {
  private readonly input: DispatcherInput
  /** When a shipment is looked at again, simulated seconds. */
  private readonly restsUntilS = new Map<string, number>()
  private readonly reserved = new Map<SimulatedDriver, number>()
  private carriedAtS = Number.NEGATIVE_INFINITY
  private openCount = 0
  private emptyAt: number | undefined

  constructor(input: DispatcherInput) {
    this.input = input
  }

  /** How many of this run's shipments were not over when they were last counted. */
  get open(): number {
    return this.openCount
  }

  /** When a count began that found nothing to do for anybody, monotonic milliseconds; undefined unless the last one did. */
  get emptySince(): number | undefined {
    return this.emptyAt
  }

  /** Works until the signal fires. A server that is away is waited for. */
  async work(signal: AbortSignal): Promise<void> {
    const { clock } = this.input
    while (!signal.aborted) {
      try {
        await this.round()
      } catch (cause) {
        if (!isForNow(cause)) throw cause
      }
      await clock.wait(roundEveryS, signal).catch(() => undefined)
    }
  }

  private async round(): Promise<void> {
    const { clock } = this.input
    const beganAt = performance.now()
    const isDue = clock.nowS - this.carriedAtS >= lookAtCarriedEveryS
    const waiting = await this.list(waitingStatuses)
    const carried = isDue ? await this.list(carriedStatuses) : []
    if (isDue) {
      this.carriedAtS = clock.nowS
      this.openCount = waiting.length + carried.length
      this.emptyAt = this.openCount === 0 ? beganAt : undefined
    }
    const stuck = carried.filter((shipment) => this.isStuck(shipment))
    const todo = [...waiting, ...stuck].filter(({ id }) => (this.restsUntilS.get(id) ?? 0) <= clock.nowS)
    let next = 0
    const work = async (): Promise<void> => {
      for (let shipment = todo[next++]; shipment !== undefined; shipment = todo[next++]) await this.see(shipment)
    }
    await Promise.all(Array.from({ length: askedAtOnceMax }, work))
  }

  /** This run's, the oldest first. */
  private async list(statuses: ReadonlyArray<ShipmentStatus>): Promise<ReadonlyArray<Shipment>> {
    const { rest, ledger } = this.input
    const found: Array<Shipment> = []
    for (const status of statuses) {
      let cursor: string | undefined
      for (let page = 0; page < pagesMax; page++) {
        const { data, next_cursor } = await rest.shipments(status, pageMax, cursor)
        found.push(...data.filter(({ order_id }) => ledger.orders.has(order_id)))
        if (next_cursor === null) break
        cursor = next_cursor
      }
    }
    return found.reverse()
  }

  private isStuck({ updated_at }: Shipment): boolean {
    return this.input.clock.simulatedS(Date.now() - Date.parse(updated_at)) > stuckAfterS
  }

  private async see(shipment: Shipment): Promise<void> {
    const { clock } = this.input
    const driver = this.nearestFree(shipment)
    if (driver === undefined) return
    this.restsUntilS.set(shipment.id, clock.nowS + restsS)
    this.reserved.set(driver, clock.nowS + restsS)
    try {
      await this.give(shipment, driver)
    } catch (cause) {
      // Cancelled, given away or moved on since the list was read.
      if (!isForNow(cause) && !(cause instanceof Problem && cause.status === 409)) throw cause
    }
  }

  private async give({ id, status }: Shipment, driver: SimulatedDriver): Promise<void> {
    const { rest } = this.input
    if (status === "created" || status === "dispatching") await rest.assign(id, driver.driverId)
    else await rest.reassign(id, driver.driverId)
  }

  private nearestFree({ order_id }: Shipment): SimulatedDriver | undefined {
    const { city, ledger, clock } = this.input
    const pickup = ledger.orders.get(order_id)?.pickup
    const [x, y] = pickup === undefined ? [0, 0] : [city.network.x[pickup] ?? 0, city.network.y[pickup] ?? 0]
    const awayM = ({ motion }: SimulatedDriver): number => Math.hypot(motion.x - x, motion.y - y)
    const free = city.drivers.filter((driver) => driver.isFree && (this.reserved.get(driver) ?? 0) <= clock.nowS)
    return free.reduce<SimulatedDriver | undefined>(
      (best, each) => (best === undefined || awayM(each) < awayM(best) ? each : best),
      undefined
    )
  }
}

/** The server is away or wants less: the next round tries again. */
const isForNow = (cause: unknown): boolean =>
  cause instanceof ServerUnreachable || (cause instanceof Problem && cause.isRetryable)
