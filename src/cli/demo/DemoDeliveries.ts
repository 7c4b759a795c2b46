import type { DeliveryRest, Product, Shipment } from "../../client/DeliveryRest.ts"
import { Problem } from "../../client/Problem.ts"
import type { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import { pause } from "../fleet/ClientFleet.ts"
import type { City, SimulatedDriver } from "../fleet/SimulatedDriver.ts"
import { crossingAway } from "../town/CrossingAway.ts"
import type { Customer } from "../town/Customer.ts"
import { paymentTries } from "../town/Purse.ts"
import { orderBetween, stockedGoods } from "../town/Shop.ts"
import { Delivery, stageOf } from "./Delivery.ts"
import type { DemoLinks } from "./DemoLinks.ts"

export interface DemoDeliveriesOptions {
  readonly city: City
  /** How many orders are under way at once. */
  readonly orders: number
  /** Confirms and assigns. */
  readonly staff: DeliveryRest
  /** Places the orders. */
  readonly customer: Customer
  readonly links: DemoLinks
  readonly random: SeededRandom
  /** Hears in a line why an order was given up. */
  readonly told: (line: string) => void
  readonly signal: AbortSignal
}

const openStatuses = [
  "arrived",
  "en_route",
  "picked_up",
  "at_pickup",
  "en_route_to_pickup",
  "assigned",
  "dispatching",
  "created"
]
/** The shipment is looked at again after this, should its driver's news have stayed away. */
const lookEveryMs = 20_000
const freeDriverEveryMs = 250
/** A third of the first orders waits for a driver this long, so that there is one to be seen when the first links are printed. */
const firstWaitMs = 60_000
const heardWithinMs = 1_000
const afterFailureMs = 5_000
/** Of shipments whose driver is asked first. */
const askedShare = 0.4
const offerTtlS = 30
/** From door to door as the crow flies, metres. */
const [shortestM, longestM] = [150, 1_500]
/** Steps by the golden ratio spread over any range evenly, however many there are. */
const goldenShare = 0.618_034

/** Keeps orders going from the customer to the door until the signal fires; those of an earlier run first. */
export const keepDelivering = async (options: DemoDeliveriesOptions): Promise<void> => {
  const { signal, staff, orders } = options
  try {
    const goods = await stockedGoods(staff)
    const deliveries = new DemoDeliveries(options, goods)
    const leftOver = await deliveries.leftOver()
    await Promise.all(Array.from({ length: orders }, (_, slot) => deliveries.keepGoing(slot, leftOver[slot])))
  } catch (cause) {
    if (!signal.aborted) throw cause
  }
}

class DemoDeliveries {
  private readonly options: DemoDeliveriesOptions
  private readonly goods: ReadonlyArray<Product>
  private readonly open = new Map<string, Delivery>()
  /** Drivers who are about to be given a shipment. */
  private readonly reserved = new Set<SimulatedDriver>()
  private readonly driverIds: ReadonlySet<string>
  private placed = 0

  constructor(options: DemoDeliveriesOptions, goods: ReadonlyArray<Product>) {
    this.options = options
    this.goods = goods
    this.driverIds = new Set(options.city.drivers.map(({ driverId }) => driverId))
    for (const { errands } of options.city.drivers)
      errands.listen((shipmentId, progress) => this.open.get(shipmentId)?.take(progress))
  }

  /** What an earlier run did not finish and this one can: waiting for a driver, or in the hands of one of these. */
  async leftOver(): Promise<ReadonlyArray<Shipment>> {
    const { staff, orders } = this.options
    const pages = await Promise.all(openStatuses.map((status) => staff.shipments(status, orders)))
    return pages.flatMap(({ data }) => data).filter((shipment) => this.isOurs(shipment))
  }

  /** One order after the other. */
  async keepGoing(slot: number, leftOver: Shipment | undefined): Promise<void> {
    const { signal, random, told } = this.options
    let delivery = leftOver === undefined ? undefined : this.adopted(leftOver)
    for (let round = 0; !signal.aborted; round++) {
      try {
        delivery ??= await this.place(slot, round)
        await this.see(delivery, round, this.waitMs(slot, round))
        if (delivery.hasFailed) await this.options.staff.startReturn(delivery.shipmentId)
      } catch (cause) {
        if (signal.aborted) return
        if (!(cause instanceof Problem)) throw cause
        told(`an order of the demo was given up: ${cause.message}`)
        await pause(afterFailureMs, signal)
      }
      if (delivery !== undefined) this.forget(delivery)
      delivery = undefined
      await pause(random.between(1_000, 6_000), signal)
    }
  }

  private adopted({ order_id, id, status }: Shipment): Delivery {
    return this.note(new Delivery({ orderId: order_id, shipmentId: id }, stageOf(status)))
  }

  private note(delivery: Delivery): Delivery {
    this.open.set(delivery.shipmentId, delivery)
    this.options.links.offer(delivery)
    return delivery
  }

  private forget(delivery: Delivery): void {
    delivery.stage = "over"
    this.open.delete(delivery.shipmentId)
    const ahead = delivery.takeAhead()
    if (ahead !== undefined) this.release(ahead)
  }

  private release(ahead: SimulatedDriver): void {
    this.reserved.delete(ahead)
    ahead.motion.roam()
  }

  /** The first orders are right before a driver, so that a map just opened shows parcels on their way. */
  private async place(slot: number, round: number): Promise<Delivery> {
    const ahead = round === 0 && !this.isLate(slot) ? await this.anyFree() : undefined
    if (ahead !== undefined) this.reserved.add(ahead)
    try {
      return await this.placeFor(ahead)
    } catch (cause) {
      if (ahead !== undefined) this.release(ahead)
      throw cause
    }
  }

  private async placeFor(ahead: SimulatedDriver | undefined): Promise<Delivery> {
    const { city, customer, staff, random } = this.options
    const { network } = city
    const pickup = ahead?.motion.nextCrossing ?? random.below(network.x.length)
    const share = (this.placed++ * goldenShare) % 1
    const dropoff = crossingAway(network, pickup, shortestM + share * (longestM - shortestM), random)
    // It waits where it will be handed the parcel: by the time that is paid for, it would be streets away.
    ahead?.motion.headFor(pickup)
    const order = await customer.orders.placeOrder(orderBetween(network, [pickup, dropoff], this.goods, random))
    await this.pay(order.id)
    // What is paid is confirmed; whoever could not pay does so at the door.
    const { shipment_id } = await staff.confirmOrder(order.id)
    if (shipment_id === null) throw new Error(`${order.id} was confirmed without a shipment`)
    const ids = { orderId: order.id, shipmentId: shipment_id }
    return this.note(new Delivery(ids, "waiting for a driver", { pickup, ahead }))
  }

  private async pay(orderId: string): Promise<void> {
    const { customer, random } = this.options
    for (const token of paymentTries(random))
      if ((await customer.payments.payBySandbox(orderId, token)).status !== "failed") return
  }

  /** How long a new order waits until somebody gives it to a driver, milliseconds. */
  private waitMs(slot: number, round: number): number {
    if (round > 0) return this.options.random.between(5_000, 30_000)
    return this.isLate(slot) ? firstWaitMs : 0
  }

  private isLate(slot: number): boolean {
    return slot % 3 === 2
  }

  /** Until it is over, whatever dispatchers do with it meanwhile. */
  private async see(delivery: Delivery, round: number, waitMs: number): Promise<void> {
    const { staff, signal, random } = this.options
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      const shipment = await staff.shipment(delivery.shipmentId)
      delivery.stage = stageOf(shipment.status)
      if (delivery.isOver || !this.isOurs(shipment)) return
      if (delivery.stage === "waiting for a driver") {
        if (isFirst) await pause(waitMs, signal)
        // The first ones are to be seen on their way at once.
        const isAsked = round > 0 && random.chance(askedShare)
        if (!(await (isAsked ? this.ask(delivery) : this.assign(delivery)))) continue
      }
      // Its failure is the signal's, which the loop sees.
      await delivery.turn(pause(lookEveryMs, signal).catch(() => undefined))
      if (delivery.isOver) return
    }
  }

  private isOurs({ status, assignment }: Shipment): boolean {
    if (stageOf(status) === "waiting for a driver") return true
    return assignment?.driver_id !== null && assignment !== null && this.driverIds.has(assignment.driver_id)
  }

  /** Gives it to the nearest free driver, once there is one. False when it was given away or cancelled meanwhile. */
  private async assign(delivery: Delivery): Promise<boolean> {
    const { staff, signal } = this.options
    const driver = delivery.takeAhead() ?? (await this.nearestFree(delivery.pickup))
    this.reserved.add(driver)
    try {
      await staff.assign(delivery.shipmentId, driver.driverId)
      delivery.stage = "being picked up"
      // The phone hears of it a moment later, and the driver must not be taken for free until then.
      await delivery.turn(pause(heardWithinMs, signal))
      return true
    } catch (cause) {
      if (!(cause instanceof Problem) || cause.status !== 409) throw cause
      await pause(freeDriverEveryMs, signal)
      return false
    } finally {
      this.reserved.delete(driver)
    }
  }

  /** Offers it to the nearest free driver, and waits as long as that may be answered. */
  private async ask(delivery: Delivery): Promise<boolean> {
    const { staff, signal } = this.options
    const driver = await this.nearestFree(delivery.pickup)
    this.reserved.add(driver)
    try {
      await staff.offer(delivery.shipmentId, [driver.driverId], offerTtlS)
      await delivery.turn(pause(offerTtlS * 1_000, signal))
    } catch (cause) {
      if (!(cause instanceof Problem) || cause.status !== 409) throw cause
      await pause(freeDriverEveryMs, signal)
    } finally {
      this.reserved.delete(driver)
    }
    return false
  }

  private async anyFree(): Promise<SimulatedDriver> {
    const free = await this.free()
    return free[this.options.random.below(free.length)] ?? free[0]
  }

  private async nearestFree(pickup: number | undefined): Promise<SimulatedDriver> {
    const { x, y } = this.options.city.network
    const awayM = ({ motion }: SimulatedDriver): number =>
      pickup === undefined ? 0 : Math.hypot(motion.x - (x[pickup] ?? 0), motion.y - (y[pickup] ?? 0))
    const [first, ...others] = await this.free()
    return others.reduce((best, each) => (awayM(each) < awayM(best) ? each : best), first)
  }

  /** Those who could take a parcel, once there is one. */
  private async free(): Promise<readonly [SimulatedDriver, ...SimulatedDriver[]]> {
    for (;;) {
      const free = this.options.city.drivers.filter((driver) => driver.isFree && !this.reserved.has(driver))
      const [first, ...others] = free
      if (first !== undefined) return [first, ...others]
      await pause(freeDriverEveryMs, this.options.signal)
    }
  }
}
