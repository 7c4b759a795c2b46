import type { ActorKind } from "./Actor.ts"
import { isStaff } from "./Actor.ts"
import { allowedCommands, illegalFor, isReschedulable } from "./AllowedCommands.ts"
import { assignmentMachine } from "./Assignment.ts"
import { decideOffers, type OfferCommand, offered, type WantedOffer } from "./OfferDecision.ts"
import { keptPayload } from "./Proof.ts"
import { accepted, type Decision, type Refused, refused } from "./Refused.ts"
import { isAfterPickup, isBeforePickup, type ShipmentCommandName, shipmentActors, shipmentMachine } from "./Shipment.ts"
import { type ShipmentEvent, statusAfterEvent, type TaskEventType } from "./ShipmentEvent.ts"
import { carryingAssignment, holdingAssignment, newestAssignment, type ShipmentState } from "./ShipmentState.ts"
import { step } from "./StateMachine.ts"
import { isTaskAction, type TaskAction, taskTransitions } from "./TaskAction.ts"
import type { TaskPayload } from "./TaskPayload.ts"

/** What can be asked of a shipment, with all that the answer depends on. Ids are bare UUIDs. */
export type ShipmentCommand =
  | { readonly _tag: "Dispatch" }
  | OfferCommand
  /** `assignmentId` is used when a new assignment is made. After the pickup Reassign and Unassign need a reason. */
  | {
      readonly _tag: "Assign" | "Reassign"
      readonly assignmentId: string
      readonly driverId: string
      readonly reason?: string
    }
  | { readonly _tag: "Unassign"; readonly reason?: string }
  | { readonly _tag: "Retry" }
  | { readonly _tag: "StartReturn" }
  /** The parcel is back, although no driver reports it. */
  | { readonly _tag: "MarkReturned"; readonly reason: string }
  /** Another window for the drop-off, Unix milliseconds. */
  | { readonly _tag: "Reschedule"; readonly startMs: number; readonly endMs: number }
  | { readonly _tag: "Cancel"; readonly reason?: string }
  | {
      readonly _tag: "Task"
      readonly action: TaskAction
      readonly assignmentId: string
      readonly driverId: string
      readonly fencingToken: number
      readonly payload: TaskPayload
      /** With `handed_off`: whom the parcel is offered to, until when (Unix milliseconds). Null: whom it names cannot be offered it. */
      readonly next?: (WantedOffer & { readonly expiresAtMs: number }) | null
    }

const nameOf = (command: ShipmentCommand): ShipmentCommandName => {
  switch (command._tag) {
    case "Dispatch":
      return "dispatch"
    case "Offer":
      return "offer"
    case "AcceptOffer":
      return "accept_offer"
    case "DeclineOffer":
      return "decline_offer"
    case "ExpireOffers":
      return "expire_offers"
    case "Assign":
      return "assign"
    case "Reassign":
      return "reassign"
    case "Unassign":
      return "unassign"
    case "Retry":
      return "retry"
    case "StartReturn":
      return "start_return"
    case "MarkReturned":
      return "mark_returned"
    case "Reschedule":
      return "reschedule"
    case "Cancel":
      return "cancel"
    case "Task":
      return command.action
  }
}

const illegal = (state: ShipmentState, command: ShipmentCommand, by: ActorKind): Refused =>
  illegalFor(state, by, state.isPickedUp && command._tag === "Cancel" ? " and picked up" : "")

// A driver who has the parcel and is not heard of any more: somebody has to say why it changes hands without them.
const reasonRequired = (state: ShipmentState, by: ActorKind): Refused =>
  refused("reason_required", `the shipment is ${state.status}: a driver has the parcel`, allowedCommands(state, by))

const handedOff = (assignmentId: string, reason: string): ShipmentEvent => ({
  type: "shipment.handed_off",
  data: { assignment_id: assignmentId, reason }
})

type Assigning = Extract<ShipmentCommand, { readonly _tag: "Assign" | "Reassign" }>

const assignedTo = (state: ShipmentState, command: Assigning, replaces: string | undefined): ShipmentEvent => ({
  type: "shipment.assigned",
  data: {
    assignment_id: command.assignmentId,
    driver_id: command.driverId,
    fencing_token: state.fencingCounter + 1,
    ...(replaces === undefined ? {} : { replaces })
  }
})

/** Who brings back a parcel that is on its way back; the driver who should, and is not heard of, loses it. */
const decideReturnDriver = (state: ShipmentState, command: Assigning, by: ActorKind): Decision<ShipmentEvent> => {
  const holder = holdingAssignment(state)
  if (holder?.driverId === command.driverId) return accepted()
  if (command._tag === "Assign" ? holder !== undefined : holder === undefined)
    return holder === undefined
      ? illegal(state, command, by)
      : refused("shipment_already_taken", "another driver brings the parcel back", allowedCommands(state, by))
  if (holder !== undefined && command.reason === undefined) return reasonRequired(state, by)
  return accepted({
    type: "shipment.return_assigned",
    data: {
      assignment_id: command.assignmentId,
      driver_id: command.driverId,
      fencing_token: state.fencingCounter + 1,
      ...(holder === undefined ? {} : { replaces: holder.assignmentId }),
      ...(command.reason === undefined ? {} : { reason: command.reason })
    }
  })
}

const decideAssign = (state: ShipmentState, command: Assigning, by: ActorKind): Decision<ShipmentEvent> => {
  if (state.status === "returning") return decideReturnDriver(state, command, by)
  const carrier = carryingAssignment(state)
  if (carrier?.driverId === command.driverId) return accepted()
  if (carrier !== undefined && command._tag === "Assign")
    return refused("shipment_already_taken", "another driver has the shipment", allowedCommands(state, by))
  if (command._tag === "Reassign") {
    if (step(shipmentMachine, state.status, "reassign")._tag !== "Moved" || carrier === undefined)
      return illegal(state, command, by)
    if (!isAfterPickup(state.status)) return accepted(assignedTo(state, command, carrier.assignmentId))
    return command.reason === undefined
      ? reasonRequired(state, by)
      : accepted(handedOff(carrier.assignmentId, command.reason), assignedTo(state, command, undefined))
  }
  if (state.status === "created")
    return accepted<ShipmentEvent>({ type: "shipment.dispatching", data: {} }, assignedTo(state, command, undefined))
  return state.status === "dispatching" ? accepted(assignedTo(state, command, undefined)) : illegal(state, command, by)
}

const decideUnassign = (
  state: ShipmentState,
  command: Extract<ShipmentCommand, { readonly _tag: "Unassign" }>,
  by: ActorKind
): Decision<ShipmentEvent> => {
  const carrier = carryingAssignment(state)
  const moved = step(shipmentMachine, state.status, "unassign")
  if (moved._tag === "Unchanged") return accepted()
  if (moved._tag === "Refused" || carrier === undefined) return illegal(state, command, by)
  if (isAfterPickup(state.status))
    return command.reason === undefined
      ? reasonRequired(state, by)
      : accepted(handedOff(carrier.assignmentId, command.reason))
  const reason = command.reason === undefined ? {} : { reason: command.reason }
  return accepted({ type: "shipment.unassigned", data: { assignment_id: carrier.assignmentId, ...reason } })
}

const decideCancel = (
  state: ShipmentState,
  command: Extract<ShipmentCommand, { readonly _tag: "Cancel" }>,
  by: ActorKind
): Decision<ShipmentEvent> => {
  const carrier = carryingAssignment(state)
  const moved = step(shipmentMachine, state.status, "cancel")
  if (moved._tag === "Unchanged") return accepted()
  if (moved._tag === "Refused" || state.isPickedUp) return illegal(state, command, by)
  if (carrier !== undefined && !isStaff(by)) return illegal(state, command, by)
  return accepted({
    type: "shipment.cancelled",
    data: {
      ...(carrier === undefined ? {} : { assignment_id: carrier.assignmentId }),
      ...(command.reason === undefined ? {} : { reason: command.reason })
    }
  })
}

const decideRetry = (state: ShipmentState, command: ShipmentCommand, by: ActorKind): Decision<ShipmentEvent> => {
  const assignment = newestAssignment(state)
  const moved = step(shipmentMachine, state.status, "retry")
  // A repetition looks like any waiting shipment that was picked up.
  if (moved._tag === "Unchanged" && state.isPickedUp) return accepted()
  if (moved._tag !== "Moved" || assignment === undefined) return illegal(state, command, by)
  return accepted({ type: "shipment.retrying", data: { assignment_id: assignment.assignmentId } })
}

/** The way back: after a failed attempt, and for staff also of a parcel that was handed off and that nobody takes. */
const decideStartReturn = (state: ShipmentState, command: ShipmentCommand, by: ActorKind): Decision<ShipmentEvent> => {
  const assignment = newestAssignment(state)
  const moved = step(shipmentMachine, state.status, "start_return")
  if (moved._tag === "Unchanged") return accepted()
  const isKept = state.status === "dispatching" && !(state.isPickedUp && isStaff(by))
  if (moved._tag !== "Moved" || assignment === undefined || isKept) return illegal(state, command, by)
  return accepted({ type: "shipment.returning", data: { assignment_id: assignment.assignmentId } })
}

const decideMarkReturned = (
  state: ShipmentState,
  command: Extract<ShipmentCommand, { readonly _tag: "MarkReturned" }>,
  by: ActorKind
): Decision<ShipmentEvent> => {
  if (state.status === "returned") return accepted()
  const begun = state.status === "returning" ? accepted<ShipmentEvent>() : decideStartReturn(state, command, by)
  const assignment = holdingAssignment(state) ?? newestAssignment(state)
  if (begun._tag === "Refused" || assignment === undefined) return illegal(state, command, by)
  const { assignmentId: assignment_id } = assignment
  return accepted(...begun.events, { type: "shipment.returned", data: { assignment_id, reason: command.reason } })
}

const decideReschedule = (
  state: ShipmentState,
  command: Extract<ShipmentCommand, { readonly _tag: "Reschedule" }>,
  by: ActorKind
): Decision<ShipmentEvent> =>
  isReschedulable(state)
    ? accepted({
        type: "shipment.rescheduled",
        data: { window_start: command.startMs, window_end: command.endMs }
      })
    : illegal(state, command, by)

type Task = Extract<ShipmentCommand, { readonly _tag: "Task" }>

const taskEvent = (command: Task): ShipmentEvent => ({
  type: `shipment.${command.action}` as TaskEventType,
  data: { assignment_id: command.assignmentId, ...keptPayload(command.payload) }
})

const illegalTask = (state: ShipmentState, command: Task, status: string): Refused => {
  const current = newestAssignment(state)
  const allowed = allowedCommands(state, "driver").filter((name) => {
    if (!isTaskAction(name) || current === undefined) return false
    const { assignment } = taskTransitions[name]
    return assignment === undefined
      ? current.status === "accepted"
      : step(assignmentMachine, current.status, assignment)._tag === "Moved"
  })
  return refused(
    "illegal_transition",
    `${command.action}: the shipment is ${state.status}, the assignment ${status}`,
    allowed
  )
}

/** What a driver may leave out: what must have happened for the parcel to be where it is. It is told as an event of its own. */
const impliedBy = (state: ShipmentState, command: Task): ShipmentEvent | undefined => {
  const data = { assignment_id: command.assignmentId }
  if (command.action === "returned" && state.status === "failed") return { type: "shipment.returning", data }
  return command.action === "en_route" && state.isPickedUp && isBeforePickup(state.status)
    ? { type: "shipment.picked_up", data }
    : undefined
}

const decideTask = (state: ShipmentState, command: Task): Decision<ShipmentEvent> => {
  const own = state.assignments.find(
    (each) => each.assignmentId === command.assignmentId && each.driverId === command.driverId
  )
  if (own === undefined) return refused("assignment_not_found", "this driver has no such assignment")
  if (own.fencingToken !== command.fencingToken || own !== newestAssignment(state))
    return refused("stale_fencing_token", "the shipment was given to somebody else, or again, since")
  const transition = taskTransitions[command.action]
  const implied = impliedBy(state, command)
  const from = implied === undefined ? state.status : (statusAfterEvent[implied.type] ?? state.status)
  const shipment = step(shipmentMachine, from, transition.shipment)
  // An action that leaves the assignment as it is belongs to one that is not yet past it.
  const assignment =
    transition.assignment === undefined
      ? own.status === "accepted"
        ? shipment
        : { _tag: "Refused" as const }
      : step(assignmentMachine, own.status, transition.assignment)
  if (shipment._tag === "Unchanged" && assignment._tag === "Unchanged") return accepted()
  const skipsPickup = command.action === "picked_up" && !state.isPickedUp && state.status !== "at_pickup"
  if (shipment._tag !== "Moved" || assignment._tag !== "Moved" || skipsPickup)
    return illegalTask(state, command, own.status)
  const { next } = command
  if (next === null) return refused("driver_not_available", "that driver cannot be offered the shipment")
  return accepted(
    ...(implied === undefined ? [] : [implied]),
    taskEvent(command),
    ...(next === undefined || command.action !== "handed_off" ? [] : [offered(state, [next], next.expiresAtMs)])
  )
}

/** What a command does to a shipment: the events to keep, or why not. Total and pure; every state has an answer to every command. */
export const decideShipment = (
  state: ShipmentState,
  command: ShipmentCommand,
  by: ActorKind
): Decision<ShipmentEvent> => {
  const name = nameOf(command)
  if (!shipmentActors[name].includes(by)) return refused("not_permitted", `a ${by} may not ask ${name} of a shipment`)
  switch (command._tag) {
    case "Dispatch": {
      const moved = step(shipmentMachine, state.status, "dispatch")
      if (moved._tag === "Unchanged") return accepted()
      return moved._tag === "Moved" ? accepted({ type: "shipment.dispatching", data: {} }) : illegal(state, command, by)
    }
    case "Assign":
    case "Reassign":
      return decideAssign(state, command, by)
    case "Unassign":
      return decideUnassign(state, command, by)
    case "Offer":
    case "AcceptOffer":
    case "DeclineOffer":
    case "ExpireOffers":
      return decideOffers(state, command, by)
    case "Retry":
      return decideRetry(state, command, by)
    case "StartReturn":
      return decideStartReturn(state, command, by)
    case "MarkReturned":
      return decideMarkReturned(state, command, by)
    case "Reschedule":
      return decideReschedule(state, command, by)
    case "Cancel":
      return decideCancel(state, command, by)
    case "Task":
      return decideTask(state, command)
  }
}
