import type { ActorKind } from "./Actor.ts"
import { type Refused, refused } from "./Refused.ts"
import { isBeforePickup, isEnded, type ShipmentCommandName, shipmentActors, shipmentMachine } from "./Shipment.ts"
import { carryingAssignment, holdingAssignment, openOffers, type ShipmentState } from "./ShipmentState.ts"
import { allowedIn } from "./StateMachine.ts"

const offerCommands = ["accept_offer", "decline_offer", "expire_offers"] as const

/** Whether another window may be promised: until the delivery is over, or on its way back. */
export const isReschedulable = (state: ShipmentState): boolean => !isEnded(state.status) && state.status !== "returning"

/**
 * What a shipment takes from somebody now: the names that `allowed[]` tells. A fresh shipment can be offered or assigned at once, which
 * dispatches it first; a failed one, or a parcel that waits for another driver, can be returned at once, which starts the return first; and
 * a driver who has a parcel that was
 * picked up before can set out at once, which picks it up first.
 */
export const allowedCommands = (state: ShipmentState, by: ActorKind): ReadonlyArray<ShipmentCommandName> => {
  const names = new Set<ShipmentCommandName>(allowedIn(shipmentMachine, state.status))
  if (state.status === "created") names.add("offer").add("assign")
  if (state.status === "failed") names.add("returned").add("mark_returned")
  if (state.status === "returning") names.add(holdingAssignment(state) === undefined ? "assign" : "reassign")
  if (state.status === "dispatching")
    if (state.isPickedUp) names.add("mark_returned")
    else names.delete("start_return")
  if (isReschedulable(state)) names.add("reschedule")
  if (openOffers(state).length === 0) for (const name of offerCommands) names.delete(name)
  if (state.isPickedUp || (by === "customer" && carryingAssignment(state) !== undefined)) names.delete("cancel")
  if (isBeforePickup(state.status)) {
    if (state.isPickedUp) names.add("en_route")
    else if (state.status !== "at_pickup") names.delete("picked_up")
  }
  // A driver starts a return by reporting it.
  if (by === "driver") names.delete("start_return")
  return [...names].filter((name) => shipmentActors[name].includes(by))
}

/** The refusal of a command that the shipment's state does not take. */
export const illegalFor = (state: ShipmentState, by: ActorKind, more = ""): Refused =>
  refused("illegal_transition", `the shipment is ${state.status}${more}`, allowedCommands(state, by))
