import type { Order, Sum } from "../../client/DeliveryRest.ts"
import type { ShipmentStatus } from "../../domain/Shipment.ts"
import type { Parcel } from "../fleet/Parcel.ts"
import type { Customer } from "./Customer.ts"
import type { OrderPlan } from "./OrderPlan.ts"
import type { OrderStage, Plot } from "./Plot.ts"

/** An order as its people know it: what they mean to do with it, and what they were answered. */
export class PlacedOrder implements Parcel {
  readonly orderId: string
  readonly total: Sum
  /** The crossing that it is fetched from. */
  readonly pickup: number
  readonly plot: Plot
  readonly barcode: string | undefined
  /** A guest's is the shop. */
  readonly customer: Customer
  readonly isGuest: boolean
  private readonly reached: (stage: OrderStage, order: PlacedOrder) => void
  isConfirmed = false
  isCancelled = false
  /** Known from the first time that the dispatcher sees it. */
  shipmentId: string | undefined
  pin: string | undefined
  /** Attempts that failed, and drivers who handed it off, as far as the server answered them. */
  failures = 0
  handOffs = 0
  /** `begun`: somebody is at it; `over`: it was played, or cannot be any more. */
  scene: "awaited" | "begun" | "over"

  constructor(
    { id, total }: Pick<Order, "id" | "total">,
    plan: Pick<OrderPlan, "pickup" | "plot" | "isGuest" | "request">,
    customer: Customer,
    reached: (stage: OrderStage, order: PlacedOrder) => void
  ) {
    this.orderId = id
    this.total = total
    this.pickup = plan.pickup
    this.plot = plan.plot
    this.isGuest = plan.isGuest
    this.barcode = plan.request.parcel_barcode
    this.customer = customer
    this.reached = reached
    this.scene = plan.plot.scene === undefined ? "over" : "awaited"
  }

  get isPinMisheard(): boolean {
    return this.plot.isPinMisheard === true
  }

  get isTalkedAbout(): boolean {
    return this.plot.isTalkedAbout === true
  }

  get isOpened(): boolean | undefined {
    const { door } = this.plot
    if (door === undefined) return undefined
    return door === "open" || (door === "closed_once" && this.failures > 0)
  }

  get isHandedOff(): boolean | undefined {
    const { isHandedOff } = this.plot
    return isHandedOff === undefined ? undefined : isHandedOff && this.handOffs === 0
  }

  /** Where its driver waits for a scene. */
  get holdsAt(): ShipmentStatus | undefined {
    const at = this.scene === "over" ? undefined : this.plot.scene?.at
    return at === "draft" || at === "submitted" || at === "offered" ? undefined : at
  }

  /** Whether a scene waits for this stage. */
  awaits(stage: OrderStage): boolean {
    return this.scene !== "over" && this.plot.scene?.at === stage
  }

  begun(): void {
    this.reach("assigned")
  }

  /** It has come so far, as somebody was told. */
  reach(stage: OrderStage): void {
    this.reached(stage, this)
  }
}
