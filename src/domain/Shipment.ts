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

/** What moves a shipment; what a driver's TASK asks is named as there. */
export type ShipmentTransitionName =
  | "dispatch"
  | "offer"
  | "accept_offer"
  | "decline_offer"
  | "expire_offers"
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
  | "retry"
  | "start_return"
  | "returned"
  | "mark_returned"
  | "cancel"

/** What can be asked of a shipment. `reschedule` moves the promise and not the shipment. */
export type ShipmentCommandName = ShipmentTransitionName | "reschedule"

const beforePickup = ["assigned", "en_route_to_pickup", "at_pickup"] as const
const afterPickup = ["picked_up", "en_route", "arrived"] as const

/** Whether a driver has the shipment and has not reported its pickup. */
export const isBeforePickup = (status: ShipmentStatus): boolean => beforePickup.some((each) => each === status)

/** Whether a driver has the parcel. */
export const isAfterPickup = (status: ShipmentStatus): boolean => afterPickup.some((each) => each === status)

/**
 * A shipment's way. These rules lie beside the table, in `decideShipment`:
 * - after a hand-off the parcel stays picked up, so it cannot be cancelled although the shipment is `dispatching` again;
 * - a second `assign` succeeds only when it names the same driver;
 * - after the pickup `reassign` and `unassign` need a reason, and hand the parcel off first;
 * - a parcel that was picked up and waits for a driver can be sent back; while it comes back `assign` and `reassign` say who brings it, and
 *   it stays `returning`;
 * - `picked_up` skips the way to the pickup only for a parcel that has left it, which the driver has already or is handed.
 */
export const shipmentMachine: StateMachine<ShipmentStatus, ShipmentTransitionName> = {
  name: "shipment",
  initial: "created",
  states: shipmentStatuses,
  commands: {
    dispatch: { from: ["created"], to: "dispatching" },
    offer: { from: ["dispatching"], to: "dispatching" },
    accept_offer: { from: ["dispatching"], to: "assigned" },
    decline_offer: { from: ["dispatching"], to: "dispatching" },
    expire_offers: { from: ["dispatching"], to: "dispatching" },
    assign: { from: ["dispatching"], to: "assigned" },
    reassign: { from: [...beforePickup, ...afterPickup], to: "assigned" },
    unassign: { from: [...beforePickup, ...afterPickup], to: "dispatching" },
    en_route_to_pickup: { from: ["assigned"], to: "en_route_to_pickup" },
    at_pickup: { from: ["en_route_to_pickup"], to: "at_pickup" },
    picked_up: { from: beforePickup, to: "picked_up" },
    en_route: { from: ["picked_up"], to: "en_route" },
    arrived: { from: ["en_route"], to: "arrived" },
    delivered: { from: ["arrived"], to: "delivered" },
    failed: { from: ["arrived"], to: "failed" },
    handed_off: { from: afterPickup, to: "dispatching" },
    retry: { from: ["failed"], to: "dispatching" },
    start_return: { from: ["dispatching", "failed"], to: "returning" },
    returned: { from: ["returning"], to: "returned" },
    mark_returned: { from: ["returning"], to: "returned" },
    cancel: { from: ["created", "dispatching", ...beforePickup], to: "cancelled" }
  }
}

const staff = ["dispatcher", "admin", "system"] as const

/** Who may ask what of a shipment. */
export const shipmentActors: Readonly<Record<ShipmentCommandName, ReadonlyArray<ActorKind>>> = {
  dispatch: staff,
  offer: staff,
  accept_offer: ["driver"],
  decline_offer: ["driver"],
  expire_offers: ["system"],
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
  retry: staff,
  start_return: ["driver", ...staff],
  returned: ["driver"],
  mark_returned: staff,
  cancel: ["customer", ...staff],
  reschedule: staff
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
