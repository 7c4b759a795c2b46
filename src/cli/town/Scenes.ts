import { Problem } from "../../client/Problem.ts"
import { pause } from "../fleet/ClientFleet.ts"
import type { SimulatedDriver } from "../fleet/SimulatedDriver.ts"
import type { Customer } from "./Customer.ts"
import type { PlacedOrder } from "./PlacedOrder.ts"
import type { OrderStage, Scene } from "./Plot.ts"
import type { PlotDeck } from "./PlotDeck.ts"
import type { Talk } from "./Talk.ts"
import type { TownClock } from "./TownClock.ts"
import type { TownLedger } from "./TownLedger.ts"

export interface ScenesInput {
  /** Of staff. */
  readonly desk: Customer
  readonly deck: PlotDeck
  readonly talk: Talk
  readonly clock: TownClock
  readonly ledger: TownLedger
  /** A free driver near an order's pickup, if there is one; another than `besides`. */
  readonly spareDriver: (order: PlacedOrder, besides: string | null) => SimulatedDriver | undefined
  readonly signal: AbortSignal
}

/** Simulated seconds between two looks for a driver, and how many. */
const looksEveryS = 4
const looksMax = 60
/** Real milliseconds between the first two looks at a payment and, as they become rarer, at most. */
const settledLookMs = 500
const settledLookMsMax = 5_000
/** Captures follow a delivery by themselves, as jobs do: a town that orders more than the server can settle has them minutes later. */
const settledWaitMsMax = 900_000
/** What a partial refund gives back. */
const partShare = 3

/** Plays what is planned for orders besides their delivery: decisions of customers and of the desk, refunds, and words. */
export class Scenes {
  private readonly input: ScenesInput
  private readonly open = new Set<Promise<void>>()

  constructor(input: ScenesInput) {
    this.input = input
  }

  /** Resolves when nothing is being played. */
  async played(): Promise<void> {
    while (this.open.size > 0) await Promise.all(this.open)
  }

  /** An order has come so far: whatever waits for that begins. */
  readonly reached = (stage: OrderStage, order: PlacedOrder): void => {
    if (order.isTalkedAbout) this.speak(stage, order)
    const { scene } = order.plot
    if (order.scene !== "awaited" || scene?.at !== stage) return
    order.scene = "begun"
    this.run(() => this.play(scene, order))
  }

  /** It is paid: the desk may want the money now. */
  async paid(order: PlacedOrder): Promise<void> {
    const { plot, orderId } = order
    if (plot.isCapturedEarly !== true) return
    const { desk, ledger } = this.input
    ledger.captured.add(orderId)
    await this.unlessTooLate(() => desk.payments.capture(orderId))
    if (plot.refund !== undefined) await this.giveBack(order)
  }

  /** It is delivered: the desk may give something back. */
  delivered(order: PlacedOrder): void {
    const { refund, isCapturedEarly } = order.plot
    if (refund !== undefined && isCapturedEarly !== true) this.run(() => this.giveBack(order))
  }

  private speak(stage: OrderStage, order: PlacedOrder): void {
    const { talk } = this.input
    if (stage === "submitted") this.run(() => talk.customerSays(order, "When can it be here?"))
    if (stage === "assigned") this.run(() => talk.deskSays(order, "Mind the dog, please"))
    if (stage === "en_route") this.run(() => talk.customerSays(order, "Please ring twice"))
    if (stage === "en_route") this.run(() => talk.deskSays(order, "The customer is at home"))
  }

  private async play(scene: Scene, order: PlacedOrder): Promise<void> {
    const { ledger, deck } = this.input
    try {
      if (await this.unlessTooLate(() => this.act(scene, order))) return
      ledger.scenesMissed++
      deck.again(order.plot)
    } finally {
      order.scene = "over"
    }
  }

  /** Answers whether it was done. */
  private async act(scene: Scene, order: PlacedOrder): Promise<boolean> {
    const { desk } = this.input
    const { shipmentId = "" } = order
    switch (scene.act) {
      case "cancel":
        return this.cancel(scene.at, order)
      case "cancel_too_late":
        return this.cancelInVain(order)
      case "unassign":
        await desk.orders.unassign(shipmentId, "the van is needed elsewhere")
        return true
      case "reassign": {
        const { status, assignment } = await desk.orders.shipment(shipmentId)
        // A driver who was without network is free again before the server knows of it.
        const driver = await this.findSpare(order, assignment?.driver_id ?? null)
        if (driver === undefined || status !== scene.at) return false
        await desk.orders.reassign(shipmentId, driver.driverId, "the van is needed elsewhere")
        return true
      }
    }
  }

  private async cancel(at: OrderStage, order: PlacedOrder): Promise<boolean> {
    const { desk } = this.input
    const isDesks = at === "assigned" || at === "en_route_to_pickup" || at === "at_pickup"
    if (isDesks) await desk.orders.cancelShipment(order.shipmentId ?? "", "the shop is closed")
    else await order.customer.orders.cancelOrder(order.orderId)
    order.isCancelled = true
    return true
  }

  private async cancelInVain(order: PlacedOrder): Promise<boolean> {
    const { desk, ledger } = this.input
    const id = order.shipmentId ?? ""
    try {
      await desk.orders.cancelShipment(id, "the shop is closed")
    } catch (cause) {
      if (!(cause instanceof Problem) || cause.code !== "illegal_transition") throw cause
      ledger.cancellationsRefused++
      return true
    }
    ledger.findings.push({ invariant: "what is picked up is not cancelled", id, seen: "it was cancelled" })
    order.isCancelled = true
    return true
  }

  private async findSpare(order: PlacedOrder, besides: string | null): Promise<SimulatedDriver | undefined> {
    const { clock, signal, spareDriver } = this.input
    for (let look = 0; look < looksMax; look++) {
      const driver = spareDriver(order, besides)
      if (driver !== undefined) return driver
      await clock.wait(looksEveryS, signal)
    }
    return undefined
  }

  /** Waits for the money; false when none will come. */
  private async isSettled(orderId: string): Promise<boolean> {
    const { clock, desk, signal } = this.input
    const endMs = clock.monotonicMs + settledWaitMsMax
    for (let waitMs = settledLookMs; ; waitMs = Math.min(settledLookMsMax, 1.5 * waitMs)) {
      const status = (await desk.payments.payment(orderId))?.status
      if (status === "settled") return true
      if ((status !== "pending" && status !== "authorized") || clock.monotonicMs > endMs) return false
      await pause(waitMs, signal)
    }
  }

  private async giveBack(order: PlacedOrder): Promise<void> {
    const { desk, ledger } = this.input
    const { orderId, total, plot } = order
    if (!(await this.isSettled(orderId))) return
    const part = { ...total, amount: Math.floor(total.amount / partShare) }
    await this.unlessTooLate(async () => {
      const { id, amount } = await desk.payments.refund(orderId, plot.refund === "part" ? part : undefined, "goodwill")
      ledger.refunds.push({ id, orderId, amount: amount.amount })
    })
  }

  /** False also when it is refused because of how far the order is. */
  private async unlessTooLate(act: () => Promise<unknown>): Promise<boolean> {
    try {
      return (await act()) !== false
    } catch (cause) {
      if (cause instanceof Problem && cause.status === 409) return false
      throw cause
    }
  }

  private run(work: () => Promise<void>): void {
    const { ledger, signal } = this.input
    ledger.unfinished++
    const running = work()
      .catch((cause: unknown) => {
        const seen = cause instanceof Error ? cause.message : String(cause)
        if (!signal.aborted) ledger.findings.push({ invariant: "no honest request is refused", id: "the desk", seen })
      })
      .finally(() => {
        ledger.unfinished--
        this.open.delete(running)
      })
    this.open.add(running)
  }
}
