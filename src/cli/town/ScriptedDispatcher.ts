import type { DeliveryRest, Shipment } from "../../client/DeliveryRest.ts"
import { Problem, ServerUnreachable } from "../../client/Problem.ts"
import { isAfterPickup, type ShipmentStatus, shipmentStatuses } from "../../domain/Shipment.ts"
import type { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import type { City, SimulatedDriver } from "../fleet/SimulatedDriver.ts"
import type { PlacedOrder } from "./PlacedOrder.ts"
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

/** What somebody must decide about; looked at each round. */
const waitingStatuses: ReadonlyArray<ShipmentStatus> = ["created", "dispatching", "failed"]
/** What a driver has; looked at for those who do not get on. */
const carriedStatuses: ReadonlyArray<ShipmentStatus> = [
  "assigned",
  "en_route_to_pickup",
  "at_pickup",
  "picked_up",
  "en_route",
  "arrived",
  "returning"
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
/** Of shipments that are given without asking, and of offers for which the server chooses the drivers. */
const givenShare = 0.3
const openOfferShare = 0.4
/** Drivers that one offer names, at most. */
const namedMax = 3
/** Real seconds: the least that the server takes. */
const offerTtlS = 5
/** Of failed attempts that are followed by another, and how many there may be. */
const retriedShare = 0.6
const retriesMax = 2

/**
 * A dispatcher as a script over REST: gives what waits to drivers who are near and free, and what does not move to another.
 * It sees who is connected as any console does; who will vanish it does not know.
 */
export class ScriptedDispatcher {
  private readonly input: DispatcherInput
  /** When a shipment is looked at again, simulated seconds. */
  private readonly restsUntilS = new Map<string, number>()
  private readonly retries = new Map<string, number>()
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
    const beganAt = clock.monotonicMs
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
        const own = data.filter(({ order_id }) => ledger.orders.has(order_id))
        for (const { order_id, id } of own) ledger.meet(order_id, id)
        found.push(...own)
        if (next_cursor === null) break
        cursor = next_cursor
      }
    }
    return found.reverse()
  }

  private isStuck({ updated_at }: Shipment): boolean {
    const { clock } = this.input
    return clock.simulatedS(clock.unixMs - Date.parse(updated_at)) > stuckAfterS
  }

  private async see(shipment: Shipment): Promise<void> {
    const { clock } = this.input
    this.restsUntilS.set(shipment.id, clock.nowS + restsS)
    try {
      if (shipment.status === "failed") await this.followUp(shipment)
      else if (shipment.status === "created" || shipment.status === "dispatching") await this.giveOut(shipment)
      else await this.takeAway(shipment)
    } catch (cause) {
      // Cancelled, given away or moved on since the list was read.
      if (!isForNow(cause) && !(cause instanceof Problem && cause.status === 409)) throw cause
    }
  }

  /** Another attempt, or the way back. */
  private async followUp({ id, order_id }: Shipment): Promise<void> {
    const { rest, random, ledger } = this.input
    const tried = this.retries.get(id) ?? 0
    const door = ledger.orders.get(order_id)?.plot.door
    const isRetried = door === undefined ? random.chance(retriedShare) : door !== "closed"
    if (tried >= retriesMax || !isRetried) {
      await rest.startReturn(id)
      return
    }
    this.retries.set(id, tried + 1)
    await rest.retry(id)
  }

  /** To a driver who is near, or to whoever of some wants it. */
  private async giveOut(shipment: Shipment): Promise<void> {
    const { rest, random, clock, ledger } = this.input
    const { id } = shipment
    const order = ledger.orders.get(shipment.order_id)
    // Its customer is about to cancel it.
    if (order?.awaits("dispatching")) return
    if (order?.awaits("offered")) return this.offerInVain(shipment, order)
    const [isGiven, isOpen] = [random.chance(givenShare), random.chance(openOfferShare)]
    if (!isGiven && isOpen) {
      this.restsUntilS.set(id, clock.nowS + restsS + clock.simulatedS(offerTtlS * 1_000))
      await rest.offer(id, undefined, offerTtlS)
      return
    }
    const near = this.nearestFree(shipment, isGiven ? 1 : 1 + random.below(namedMax))
    const [first] = near
    if (first === undefined) return
    for (const driver of near) this.reserved.set(driver, clock.nowS + restsS)
    if (isGiven) {
      await rest.assign(id, first.driverId)
      return
    }
    this.restsUntilS.set(id, clock.nowS + restsS + clock.simulatedS(offerTtlS * 1_000))
    await rest.offer(
      id,
      near.map(({ driverId }) => driverId),
      offerTtlS
    )
  }

  /** To one driver, and its customer cancels before there is an answer. */
  private async offerInVain(shipment: Shipment, order: PlacedOrder): Promise<void> {
    const [driver] = this.nearestFree(shipment, 1)
    if (driver === undefined) return
    await this.input.rest.offer(shipment.id, [driver.driverId], offerTtlS)
    order.reach("offered")
  }

  private async takeAway(shipment: Shipment): Promise<void> {
    const { rest, clock } = this.input
    const status = shipmentStatuses.find((each) => each === shipment.status)
    // A parcel on its way back stays with its driver, who comes back one day.
    if (status === undefined || status === "returning") return
    const [driver] = this.nearestFree(shipment, 1)
    if (driver === undefined) return
    this.reserved.set(driver, clock.nowS + restsS)
    await rest.reassign(shipment.id, driver.driverId, isAfterPickup(status) ? "not heard of for long" : undefined)
  }

  /** Somebody near who could take an order over; nobody else is given anything by this meanwhile. */
  spareDriver(order: PlacedOrder, besides: string | null): SimulatedDriver | undefined {
    const { clock } = this.input
    const driver = this.nearestFree({ order_id: order.orderId }, 2).find(({ driverId }) => driverId !== besides)
    if (driver !== undefined) this.reserved.set(driver, clock.nowS + restsS)
    return driver
  }

  /** Free drivers, the nearest to the pickup first. */
  private nearestFree({ order_id }: Pick<Shipment, "order_id">, count: number): ReadonlyArray<SimulatedDriver> {
    const { city, ledger, clock } = this.input
    const pickup = ledger.orders.get(order_id)?.pickup
    const [x, y] = pickup === undefined ? [0, 0] : [city.network.x[pickup] ?? 0, city.network.y[pickup] ?? 0]
    const awayM = ({ motion }: SimulatedDriver): number => Math.hypot(motion.x - x, motion.y - y)
    return city.drivers
      .filter((driver) => driver.isFree && (this.reserved.get(driver) ?? 0) <= clock.nowS)
      .sort((a, b) => awayM(a) - awayM(b))
      .slice(0, count)
  }
}

/** The server is away or wants less: the next round tries again. */
const isForNow = (cause: unknown): boolean =>
  cause instanceof ServerUnreachable || (cause instanceof Problem && cause.isRetryable)
