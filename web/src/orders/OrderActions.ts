import type { ActorKind } from "../../../src/domain/Actor.ts"
import { allowedCommands } from "../../../src/domain/AllowedCommands.ts"
import type { AssignmentStatus } from "../../../src/domain/Assignment.ts"
import { decideOrder, type OrderStatus } from "../../../src/domain/Order.ts"
import type { ShipmentStatus } from "../../../src/domain/Shipment.ts"
import type { ShipmentState } from "../../../src/domain/ShipmentState.ts"
import type { OrderView, ShipmentAnswer } from "./OrderView.ts"
import type { ApiRoutes } from "./Rights.ts"

/** What a dispatcher can do with an order. */
export type ActionName =
  | "confirm"
  | "assign"
  | "offer"
  | "reassign"
  | "retry"
  | "return"
  | "mark-returned"
  | "unassign"
  | "reschedule"
  | "cancel"

/** What an action has to be told before it can be done. */
export type ActionNeed = "nothing" | "driver" | "drivers" | "reason" | "window"

/** How an action is said, and where it is asked. */
export interface Action {
  readonly name: ActionName
  readonly label: string
  readonly need: ActionNeed
  /** Path of the request. */
  readonly path: string
  /** Whether a reason has to be given, and not only may. */
  readonly isReasonNeeded: boolean
}

/** The command of a shipment's machine (src/domain/Shipment.ts) behind each action. */
const shipmentActions: ReadonlyArray<readonly [ActionName, command: string, label: string, need: ActionNeed]> = [
  ["assign", "assign", "Assign", "driver"],
  ["retry", "retry", "Try again", "nothing"],
  ["offer", "offer", "Offer", "drivers"],
  ["reassign", "reassign", "Reassign", "driver"],
  ["return", "start_return", "Send back", "nothing"],
  ["mark-returned", "mark_returned", "Mark as returned", "reason"],
  ["unassign", "unassign", "Take from driver", "reason"],
  ["reschedule", "reschedule", "Reschedule", "window"]
]

const stateOf = ({ status, sequence, is_picked_up, assignment }: ShipmentAnswer): ShipmentState => ({
  status: status as ShipmentStatus,
  version: sequence,
  fencingCounter: assignment?.fencing_token ?? 0,
  isPickedUp: is_picked_up,
  assignments:
    assignment === null
      ? []
      : [
          {
            assignmentId: assignment.id,
            driverId: assignment.driver_id ?? "",
            status: assignment.status as AssignmentStatus,
            fencingToken: assignment.fencing_token,
            // No action of a dispatcher depends on when an offer ends.
            expiresAtMs: null
          }
        ],
  stops: []
})

/** Whether the order's own machine takes a command. */
const takes = (view: OrderView, command: "confirm" | "cancel", by: ActorKind): boolean => {
  const decision = decideOrder(view.order.status as OrderStatus, command, by)
  return decision._tag === "Accepted" && decision.events.length > 0
}

/** What can be done with an order now: what its machines allow, as far as the server has a route for it. The first is the next step. */
export const actionsOf = (view: OrderView, by: ActorKind, routes: ApiRoutes): ReadonlyArray<Action> => {
  const { order, shipment } = view
  const allowed: ReadonlyArray<string> = shipment === undefined ? [] : allowedCommands(stateOf(shipment), by)
  const mayConfirm = shipment === undefined && takes(view, "confirm", by)
  const mayCancel = shipment === undefined ? takes(view, "cancel", by) : allowed.includes("cancel")
  const isReasonNeeded = shipment?.is_picked_up === true
  const ofOrder = (name: "confirm" | "cancel", label: string, need: ActionNeed): Action => ({
    name,
    label,
    need,
    path: `/v1/orders/${order.id}/${name}`,
    isReasonNeeded: false
  })
  const ofShipment = shipmentActions
    .filter(([name, command]) => allowed.includes(command) && routes.has(`POST /v1/shipments/{id}/${name}`))
    .map(([name, , label, need]) => ({
      name,
      label,
      need,
      path: `/v1/shipments/${shipment?.id}/${name}`,
      isReasonNeeded
    }))
  return [
    ...(mayConfirm ? [ofOrder("confirm", "Confirm", "nothing")] : []),
    ...ofShipment,
    ...(mayCancel ? [ofOrder("cancel", "Cancel order", "reason")] : [])
  ]
}
