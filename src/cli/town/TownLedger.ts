import type { KnownMessage } from "../fleet/DriverChat.ts"
import type { TaskReceipt } from "../fleet/TaskReceipt.ts"
import type { Finding } from "../fleet/Violation.ts"
import type { Acceptance } from "./checks/KeptReports.ts"
import type { PlacedOrder } from "./PlacedOrder.ts"

/** A message and what its author knows of it. */
export interface WrittenMessage {
  readonly message: KnownMessage
  /** Whose it is, the same for all of one person's; they write one after the other. */
  readonly author: string
  /** The server answered to have kept it; else it may have or not. */
  readonly isKept: boolean
}

/** A refund that the desk was answered. */
export interface ToldRefund {
  readonly id: string
  readonly orderId: string
  /** Minor units. */
  readonly amount: number
}

/** What the desk did about orders' money. */
export interface DeskMoney {
  readonly refunds: ReadonlyArray<ToldRefund>
  /** Orders whose money it wanted before the delivery. */
  readonly captured: ReadonlySet<string>
}

/** What the people of a simulation were told, to be held against what the server says at the end. */
export class TownLedger {
  readonly orders = new Map<string, PlacedOrder>()
  readonly byShipment = new Map<string, PlacedOrder>()
  readonly receipts: Array<TaskReceipt> = []
  /** Assignments whose driver was told that the offer is theirs. */
  readonly acceptances: Array<Acceptance> = []
  readonly findings: Array<Finding> = []
  /** Orders whose customers were told that they have paid. */
  readonly paid = new Set<string>()
  /** Threads that somebody opened, by order. */
  readonly threads = new Map<string, string>()
  /** By message, in the order of writing. */
  readonly written = new Map<string, WrittenMessage>()
  /** What reached drivers' phones, again and again perhaps. */
  readonly heard: Array<KnownMessage> = []
  readonly refunds: Array<ToldRefund> = []
  readonly captured = new Set<string>()
  paymentsDeclined = 0
  cancellationsRefused = 0
  /** Scenes whose moment was over when somebody acted. */
  scenesMissed = 0
  /** Orders of which somebody still has something to do. */
  unfinished = 0

  /** An order's shipment shows for the first time. */
  meet(orderId: string, shipmentId: string): void {
    const order = this.orders.get(orderId)
    if (order === undefined || order.shipmentId !== undefined) return
    order.shipmentId = shipmentId
    this.byShipment.set(shipmentId, order)
  }

  /** Somebody writes, or was answered that it is kept. */
  write(message: KnownMessage, author: string, isKept: boolean): void {
    this.written.set(message.id, { message, author, isKept })
  }
}
