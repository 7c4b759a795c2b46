import type { ActorKind } from "./Actor.ts"
import type { StateMachine } from "./StateMachine.ts"

/** Every status of a shipment (`shipment_status`). */
export const shipmentStatuses = [
  "created",
  "dispatching",
  "assigned",
  "en_route_to_pickup",
  "at_pickup",
  "picked_up",
  "en_route",
  "arrived",
  "delivered",
  "failed",
  "returning",
  "returned",
  "cancelled"
] as const

/** One of the statuses. */
export type ShipmentStatus = (typeof shipmentStatuses)[number]

/** What can be asked of a shipment; what a driver's TASK asks is named as there. */
export type ShipmentCommandName =
  | "dispatch"
  | "assign"
  | "reassign"
  | "unassign"
  | "en_route_to_pickup"
  | "at_pickup"
  | "picked_up"
  | "en_route"
  | "arrived"
  | "delivered"
  | "failed"
  | "handed_off"
  | "start_return"
  | "returned"
  | "cancel"

const beforePickup = ["assigned", "en_route_to_pickup", "at_pickup"] as const

/**
 * A shipment's way. Two rules lie beside the table, in `decideShipment`: after a hand-off the parcel stays picked up, so it cannot be
 * cancelled although the shipment is `dispatching` again; and a second `assign` succeeds only when it names the same driver.
 */
export const shipmentMachine: StateMachine<ShipmentStatus, ShipmentCommandName> = {
  name: "shipment",
  initial: "created",
  states: shipmentStatuses,
  commands: {
    dispatch: { from: ["created"], to: "dispatching" },
    assign: { from: ["dispatching"], to: "assigned" },
    reassign: { from: beforePickup, to: "assigned" },
    unassign: { from: beforePickup, to: "dispatching" },
    en_route_to_pickup: { from: ["assigned"], to: "en_route_to_pickup" },
    at_pickup: { from: ["en_route_to_pickup"], to: "at_pickup" },
    picked_up: { from: ["at_pickup"], to: "picked_up" },
    en_route: { from: ["picked_up"], to: "en_route" },
    arrived: { from: ["en_route"], to: "arrived" },
    delivered: { from: ["arrived"], to: "delivered" },
    failed: { from: ["arrived"], to: "failed" },
    handed_off: { from: ["picked_up", "en_route", "arrived"], to: "dispatching" },
    start_return: { from: ["failed"], to: "returning" },
    returned: { from: ["returning"], to: "returned" },
    cancel: { from: ["created", "dispatching", ...beforePickup], to: "cancelled" }
  }
}

const staff = ["dispatcher", "admin", "system"] as const

/** Who may ask what of a shipment. */
export const shipmentActors: Readonly<Record<ShipmentCommandName, ReadonlyArray<ActorKind>>> = {
  dispatch: staff,
  assign: staff,
  reassign: staff,
  unassign: staff,
  en_route_to_pickup: ["driver"],
  at_pickup: ["driver"],
  picked_up: ["driver"],
  en_route: ["driver"],
  arrived: ["driver"],
  delivered: ["driver"],
  failed: ["driver"],
  handed_off: ["driver"],
  start_return: ["driver", ...staff],
  returned: ["driver"],
  cancel: ["customer", ...staff]
}

/** Whether the delivery is over, however it ended. */
export const isEnded = (status: ShipmentStatus): boolean =>
  status === "delivered" || status === "returned" || status === "cancelled"

const beforeSettingOut: ReadonlySet<ShipmentStatus> = new Set([
  "created",
  "dispatching",
  ...beforePickup,
  "picked_up",
  "cancelled"
])

/** Whether a drive to the drop-off has begun, under way still or over: what was estimated of it is of interest. */
export const hasSetOut = (status: ShipmentStatus): boolean => !beforeSettingOut.has(status)
