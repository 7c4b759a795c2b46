import { DeliveryRest, type Product } from "../../client/DeliveryRest.ts"
import { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import { pause } from "../fleet/ClientFleet.ts"
import type { Parcel } from "../fleet/Parcel.ts"
import type { City, SimulatedDriver } from "../fleet/SimulatedDriver.ts"
import { type SimulationOptions, type SimulationReport, simulate } from "../fleet/Simulation.ts"
import type { TaskReceipt } from "../fleet/TaskReceipt.ts"
import { violationsOf } from "../fleet/Violation.ts"
import { type Customer, customerOf } from "./Customer.ts"
import { keepOrdering } from "./Customers.ts"
import { FactReader } from "./FactReader.ts"
import { HttpTally } from "./HttpTally.ts"
import type { PlacedOrder } from "./PlacedOrder.ts"
import { isOrderStage } from "./Plot.ts"
import { PlotDeck } from "./PlotDeck.ts"
import { Scenes } from "./Scenes.ts"
import { ScriptedDispatcher } from "./ScriptedDispatcher.ts"
import { ownGoods } from "./Shop.ts"
import { type Staff, staffOf } from "./Staff.ts"
import { Talk } from "./Talk.ts"
import { type AccountsInput, customerAccounts, dispatcherAccounts } from "./TownAccounts.ts"
import { auditTown } from "./TownAudit.ts"
import { TownClock } from "./TownClock.ts"
import { TownLedger } from "./TownLedger.ts"
import { type TownReport, townReport } from "./TownReport.ts"
import { Watching } from "./Watching.ts"

export interface TownOptions extends Omit<SimulationOptions, "era" | "isBusy" | "progress" | "beside" | "parcelOf"> {
  /** Customers' orders a real minute, on average; above 0. */
  readonly ordersPerMinute: number
  /** Work goes on after the last order until so long nothing was done, real milliseconds. */
  readonly quietMsMax: number
}

/** The orders that one account places in a minute stay well below the server's quota. */
const ordersPerCustomerPerMinute = 45
const customersMax = 14
/** One is the desk, one the shop; all read at the end. */
const staffCount = 4
/** The dispatcher asks anew in its next round rather than again and again. */
const dispatcherRetryMs = 1_000
/** What was told last is on its way. */
const graceMs = 2_000
/** Which of the seed's sources is the town's. */
const randomOfTown = 1_000_003
/** The server's clock may differ from ours by so much. */
const clockSlackMs = 120_000

/** A city with customers, drivers and a dispatcher, and the check of everything that they were told. */
export const simulateTown = async (options: TownOptions): Promise<SimulationReport & TownReport> => {
  const town = await openTown(options)
  const fleet = await simulate({
    ...options,
    era: "present",
    isBusy: () => town.isBusy,
    progress: () => town.progress,
    parcelOf: (shipmentId) => town.parcelOf(shipmentId),
    beside: (city, signal) => town.live(city, signal)
  })
  const { findings, report } = await town.close()
  return { ...fleet, ...report, violations: [...fleet.violations, ...violationsOf(findings)] }
}

interface TownParts {
  readonly options: TownOptions
  readonly customers: ReadonlyArray<Customer>
  readonly staff: readonly [Staff, ...ReadonlyArray<Staff>]
  readonly dispatching: DeliveryRest
  readonly goods: ReadonlyArray<Product>
  readonly tally: HttpTally
  readonly clock: TownClock
  readonly beganMs: number
  /** Where the log ended before the first order. */
  readonly logPlace: string
}

const openTown = async (options: TownOptions): Promise<Town> => {
  const { url, rest: admin, ordersPerMinute, signal, giveUpAfterMs } = options
  const tally = new HttpTally()
  const clock = new TownClock(options.speed)
  const runName = `${options.seed}-${clock.unixMs.toString(36)}`
  const input: AccountsInput = { url, retryForMs: giveUpAfterMs, fetch: tally.fetch, runName, signal }
  const customerCount = Math.min(customersMax, Math.max(2, Math.ceil(ordersPerMinute / ordersPerCustomerPerMinute)))
  const inARound = { ...input, retryForMs: dispatcherRetryMs }
  const [dispatching] = await dispatcherAccounts(inARound, admin, "dispatcher", 1)
  const [first, ...others] = await dispatcherAccounts(input, admin, "staff", staffCount)
  if (dispatching === undefined || first === undefined) throw new RangeError("a town has staff")
  const customers = await customerAccounts(input, customerCount)
  const staff = [staffOf(first), ...others.map(staffOf)] as const
  return new Town({
    options,
    customers: customers.map(customerOf),
    staff,
    dispatching: new DeliveryRest(dispatching),
    goods: await ownGoods(new DeliveryRest(admin), runName),
    tally,
    clock,
    beganMs: clock.unixMs,
    logPlace: await new FactReader(staff, clock).endOfLog()
  })
}

/** The people of one run besides its drivers. */
class Town {
  private readonly parts: TownParts
  private readonly ledger = new TownLedger()
  private readonly clock: TownClock
  private readonly watching: Watching
  private readonly pages = new AbortController()
  private dispatcher: ScriptedDispatcher | undefined
  private drivers: ReadonlyArray<SimulatedDriver> = []
  private openedAt = Number.NaN
  /** When the server last answered a driver's report. */
  private reportedAt = Number.NEGATIVE_INFINITY
  /** When the server was last seen to be away. */
  private awayAt = Number.NEGATIVE_INFINITY
  private closedAt: number | undefined

  constructor(parts: TownParts) {
    this.parts = parts
    this.clock = parts.clock
    this.watching = new Watching(parts.clock)
  }

  /** Whether there is work left for the fleet after the last order. */
  get isBusy(): boolean {
    if (this.quietMs >= this.parts.options.quietMsMax) return false
    if (this.closedAt === undefined || this.ledger.unfinished > 0) return true
    return !((this.dispatcher?.emptySince ?? Number.NEGATIVE_INFINITY) > this.closedAt)
  }

  /** How long nothing was done after the last order, though the server was there. Half of the phones without it: it is away. */
  private get quietMs(): number {
    const { clock, drivers } = this
    const nowMs = clock.monotonicMs
    const live = drivers.filter(({ client }) => client.state === "live").length
    if (live * 2 < drivers.length) this.awayAt = nowMs
    const lastAt = Math.max(this.openedAt + this.parts.options.durationS * 1_000, this.reportedAt, this.awayAt)
    return Math.max(0, nowMs - lastAt)
  }

  get progress(): string {
    const { ledger, dispatcher, closedAt } = this
    const told = `${ledger.orders.size} orders, ${dispatcher?.open ?? 0} under way`
    if (closedAt === undefined) return told
    return `${told}, no more come, quiet for ${Math.floor(this.quietMs / 1_000)} of ${this.parts.options.quietMsMax / 1_000} s`
  }

  parcelOf(shipmentId: string): Parcel | undefined {
    return this.ledger.byShipment.get(shipmentId)
  }

  /** Everything that happens besides driving; ends with the signal. */
  async live(city: City, signal: AbortSignal): Promise<void> {
    const { customers, staff, dispatching: rest, goods, options } = this.parts
    const { ledger, watching, clock } = this
    const [desk, shop = desk] = staff
    const random = new SeededRandom(options.seed).fork(randomOfTown)
    this.drivers = city.drivers
    this.openedAt = this.clock.monotonicMs
    const dispatcher = new ScriptedDispatcher({ city, rest, random: random.fork(1), clock, ledger })
    this.dispatcher = dispatcher
    const deck = new PlotDeck(random.fork(3))
    const spareDriver = (order: PlacedOrder, besides: string | null) => dispatcher.spareDriver(order, besides)
    const scenes = new Scenes({ desk, deck, talk: new Talk(desk.messages, ledger), clock, ledger, spareDriver, signal })
    this.listen(city, scenes)
    const people = { customers, shop, pages: this.pages.signal, watching, deck, scenes, clock, ledger }
    const wants = { network: city.network, goods, ordersPerMinute: options.ordersPerMinute, random: random.fork(2) }
    const isClosing = (): boolean => this.clock.monotonicMs - this.openedAt >= options.durationS * 1_000
    const ordering = keepOrdering({ ...people, ...wants }, isClosing, signal)
      .catch((cause: unknown) => {
        if (!signal.aborted) throw cause
      })
      .finally(() => {
        this.closedAt = this.clock.monotonicMs
      })
    await Promise.all([dispatcher.work(signal), ordering])
  }

  /** Closes the pages, asks the server for everything that became of the orders, and holds it against what people were told. */
  async close() {
    const { options, staff, goods, tally, beganMs, logPlace } = this.parts
    const { ledger, watching } = this
    options.status.end(`the day is over, ${ledger.orders.size} orders; everything is read and checked`)
    await pause(graceMs, new AbortController().signal)
    this.pages.abort(new Error("the day is over"))
    await watching.closed()
    const unopened = watching.failures.map((seen) => ({ invariant: "a customer's page opens", id: "a page", seen }))
    // What the check itself asks in vain, such as for a payment of an order that nobody paid, is no error.
    const httpErrors = tally.byCode
    const reader = new FactReader(staff, this.clock)
    const productIds = new Set(goods.map(({ id }) => id))
    const orders = await reader.orders(productIds, beganMs - clockSlackMs, ledger.threads, (read, of) =>
      options.status.show(() => `orders checked: ${read} of ${of}`, read / Math.max(1, of))
    )
    const stock = await Promise.all(
      goods.map(async ({ id, stock }) => ({
        productId: id,
        before: stock,
        after: (await staff[0].orders.product(id)).stock
      }))
    )
    const pictures = new Set(this.drivers.flatMap(({ camera }) => [...camera.stored]))
    const wrongPins = this.wrongPins()
    const log = await reader.logAfter(logPlace)
    // The last customers may have waited for a server that was away; they ordered before.
    const openS = Math.min(options.durationS, ((this.closedAt ?? this.clock.monotonicMs) - this.openedAt) / 1_000)
    return {
      findings: [
        ...unopened,
        ...tally.failures,
        ...wrongPins.findings,
        ...auditTown({ orders, log, stock, told: watching.witnesses, pictures, ledger })
      ],
      report: townReport({
        orders,
        log,
        ledger,
        watching,
        pictures: pictures.size,
        wrongPins: wrongPins.refused,
        httpErrors,
        openS,
        speed: options.speed
      })
    }
  }

  /** Deliveries that drivers first tried with a PIN that they misunderstood. */
  private wrongPins() {
    const invariant = "a wrong PIN delivers nothing"
    const taken = this.drivers.filter(({ errands }) => errands.wrongPins.taken > 0)
    return {
      refused: this.drivers.reduce((sum, { errands }) => sum + errands.wrongPins.refused, 0),
      findings: taken.map(({ driverId: id, errands }) => ({ invariant, id, seen: `${errands.wrongPins.taken} times` }))
    }
  }

  private listen(city: City, scenes: Scenes): void {
    const { ledger } = this
    for (const { driverId, errands, offers, chat } of city.drivers) {
      errands.listenForReceipts((receipt) => {
        this.reportedAt = this.clock.monotonicMs
        ledger.receipts.push(receipt)
        this.follow(receipt, scenes)
      })
      offers.listen((assignmentId, shipmentId, verdict) => {
        if (verdict === "accepted") ledger.acceptances.push({ assignmentId, shipmentId })
      })
      chat.listen((message, news) => {
        if (news === "heard") ledger.heard.push(message)
        else ledger.write(message, driverId, news === "written")
      })
    }
  }

  private follow({ shipmentId, action }: TaskReceipt, scenes: Scenes): void {
    const order = this.ledger.byShipment.get(shipmentId)
    if (order === undefined) return
    if (action === "failed") order.failures++
    if (action === "handed_off") order.handOffs++
    if (action === "delivered") scenes.delivered(order)
    if (isOrderStage(action)) order.reach(action)
  }
}
