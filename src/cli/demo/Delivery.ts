import type { ShipmentStatus } from "../../domain/Shipment.ts"
import type { ErrandProgress } from "../fleet/Errands.ts"
import type { SimulatedDriver } from "../fleet/SimulatedDriver.ts"

/** How far a delivery is, in the words of the demo's list. */
export type DeliveryStage = "waiting for a driver" | "being picked up" | "on the way" | "at the door" | "over"

const stageOfStatus: Readonly<Record<ShipmentStatus, DeliveryStage>> = {
  created: "waiting for a driver",
  dispatching: "waiting for a driver",
  assigned: "being picked up",
  en_route_to_pickup: "being picked up",
  at_pickup: "being picked up",
  picked_up: "being picked up",
  en_route: "on the way",
  arrived: "at the door",
  delivered: "over",
  failed: "over",
  returning: "over",
  returned: "over",
  cancelled: "over"
}

/** The stage of a shipment's status; "over" for one that this program does not know. */
export const stageOf = (status: string): DeliveryStage =>
  Object.entries(stageOfStatus).find(([name]) => name === status)?.[1] ?? "over"

const stageAfter = (progress: ErrandProgress): DeliveryStage | undefined => {
  if (progress === "dropped") return undefined
  if (progress === "handed_off") return "being picked up"
  return stageOf(progress)
}

/** An order that the demo sees through. */
export class Delivery {
  readonly orderId: string
  readonly shipmentId: string
  /** The crossing that it is fetched from; undefined when an earlier run placed it. */
  readonly pickup: number | undefined
  stage: DeliveryStage
  /** Nobody took it: it has to come back. */
  hasFailed = false
  private ahead: SimulatedDriver | undefined
  private turned: (() => void) | undefined

  constructor(
    ids: { readonly orderId: string; readonly shipmentId: string },
    stage: DeliveryStage,
    from: { readonly pickup?: number; readonly ahead?: SimulatedDriver | undefined } = {}
  ) {
    this.orderId = ids.orderId
    this.shipmentId = ids.shipmentId
    this.stage = stage
    this.pickup = from.pickup
    this.ahead = from.ahead
  }

  /** The driver who waits for it, asked for once. */
  takeAhead(): SimulatedDriver | undefined {
    const { ahead } = this
    this.ahead = undefined
    return ahead
  }

  /** Takes what its driver's errand told. */
  take(progress: ErrandProgress): void {
    this.stage = stageAfter(progress) ?? this.stage
    if (progress === "failed") this.hasFailed = true
    if (this.isOver || progress === "dropped") this.turned?.()
  }

  get isOver(): boolean {
    return this.stage === "over"
  }

  /** Resolves when it is over, when its driver has it no more, or when `otherwise` does. */
  async turn(otherwise: Promise<void>): Promise<void> {
    if (this.isOver) return
    const turned = new Promise<void>((resolve) => {
      this.turned = resolve
    })
    await Promise.race([turned, otherwise])
  }
}
