import type { AssignmentCommand } from "./Assignment.ts"
import type { ShipmentTransitionName } from "./Shipment.ts"
import type { StopCommand } from "./Stop.ts"

/** What a driver's phone may report with TASK (02-protocol, section 2). */
export const taskActions = [
  "en_route_to_pickup",
  "at_pickup",
  "picked_up",
  "en_route",
  "arrived",
  "delivered",
  "handed_off",
  "failed",
  "returned"
] as const

/** One of the actions. */
export type TaskAction = (typeof taskActions)[number]

/** Whether a value names an action. */
export const isTaskAction = (value: unknown): value is TaskAction => taskActions.some((action) => action === value)

/** What an action asks of each machine. A stop that is past it already, as after a hand-off, stays as it is. */
export interface TaskTransition {
  readonly shipment: ShipmentTransitionName
  readonly assignment: AssignmentCommand | undefined
  readonly stop: { readonly type: "pickup" | "dropoff"; readonly command: StopCommand } | undefined
}

/** TASK action -> transition of shipment, assignment and stop. */
export const taskTransitions: Readonly<Record<TaskAction, TaskTransition>> = {
  en_route_to_pickup: {
    shipment: "en_route_to_pickup",
    assignment: undefined,
    stop: { type: "pickup", command: "set_out" }
  },
  at_pickup: { shipment: "at_pickup", assignment: undefined, stop: { type: "pickup", command: "arrive" } },
  picked_up: { shipment: "picked_up", assignment: undefined, stop: { type: "pickup", command: "complete" } },
  en_route: { shipment: "en_route", assignment: "set_out", stop: { type: "dropoff", command: "set_out" } },
  arrived: { shipment: "arrived", assignment: "arrive", stop: { type: "dropoff", command: "arrive" } },
  delivered: { shipment: "delivered", assignment: "deliver", stop: { type: "dropoff", command: "complete" } },
  handed_off: { shipment: "handed_off", assignment: "hand_off", stop: { type: "dropoff", command: "replan" } },
  failed: { shipment: "failed", assignment: "fail", stop: { type: "dropoff", command: "fail" } },
  returned: { shipment: "returned", assignment: "return", stop: undefined }
}
