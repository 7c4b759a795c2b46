import { type ActorKind, isStaff } from "./Actor.ts"
import { accepted, type Decision, refused } from "./Refused.ts"
import { allowedIn, type StateMachine, step } from "./StateMachine.ts"

/** Every status of an order (`order_status`). */
export const orderStatuses = ["draft", "submitted", "confirmed", "fulfilled", "cancelled"] as const

/** One of the statuses. */
export type OrderStatus = (typeof orderStatuses)[number]

/** What can be asked of an order. */
export type OrderCommand = "submit" | "confirm" | "fulfil" | "cancel"

/** What an order is told by. */
export type OrderEventType =
  | "order.drafted"
  | "order.submitted"
  | "order.confirmed"
  | "order.fulfilled"
  | "order.cancelled"

/** An order's life. Stock is held from `submit` to `cancel`. */
export const orderMachine: StateMachine<OrderStatus, OrderCommand> = {
  name: "order",
  initial: "draft",
  states: orderStatuses,
  commands: {
    submit: { from: ["draft"], to: "submitted" },
    confirm: { from: ["submitted"], to: "confirmed" },
    fulfil: { from: ["confirmed"], to: "fulfilled" },
    cancel: { from: ["draft", "submitted", "confirmed"], to: "cancelled" }
  }
}

/** Who may ask what of an order. A confirmed order's cancellation also depends on its shipment (`decideShipment`). */
export const orderActors: Readonly<Record<OrderCommand, ReadonlyArray<ActorKind>>> = {
  submit: ["customer", "dispatcher", "admin", "system"],
  confirm: ["dispatcher", "admin", "system"],
  fulfil: ["system"],
  cancel: ["customer", "dispatcher", "admin", "system"]
}

const eventOf: Readonly<Record<OrderCommand, OrderEventType>> = {
  submit: "order.submitted",
  confirm: "order.confirmed",
  fulfil: "order.fulfilled",
  cancel: "order.cancelled"
}

const statusOf: Readonly<Record<OrderEventType, OrderStatus>> = {
  "order.drafted": "draft",
  "order.submitted": "submitted",
  "order.confirmed": "confirmed",
  "order.fulfilled": "fulfilled",
  "order.cancelled": "cancelled"
}

/** What a command does to an order in a status; total. */
export const decideOrder = (status: OrderStatus, command: OrderCommand, by: ActorKind): Decision<OrderEventType> => {
  if (!orderActors[command].includes(by)) return refused("not_permitted", `a ${by} may not ${command} an order`)
  const moved = step(orderMachine, status, command)
  if (moved._tag === "Moved") return accepted(eventOf[command])
  if (moved._tag === "Unchanged") return accepted()
  const allowed = allowedIn(orderMachine, status).filter((each) => orderActors[each].includes(by))
  return refused("illegal_transition", `a ${status} order cannot be asked to ${command}`, allowed)
}

/** The status that an order has after an event. */
export const evolveOrder = (_status: OrderStatus | undefined, type: OrderEventType): OrderStatus => statusOf[type]

/** Whether a type is one of an order's own. */
export const isOrderEventType = (type: string): type is OrderEventType => Object.hasOwn(statusOf, type)

/** Whether an order's stock is held for it. */
export const holdsStock = (status: OrderStatus): boolean => status !== "draft" && status !== "cancelled"

/** Whether somebody may cancel what is already being delivered: only staff, once a driver has it. */
export const mayCancelCarried = (by: ActorKind): boolean => isStaff(by)
