import type { ActorKind } from "./Actor.ts"
import { isStaff } from "./Actor.ts"
import { assignmentMachine } from "./Assignment.ts"
import { accepted, type Decision, type Refused, refused } from "./Refused.ts"
import { type ShipmentCommandName, shipmentActors, shipmentMachine } from "./Shipment.ts"
import type { ShipmentEvent, TaskEventType } from "./ShipmentEvent.ts"
import { carryingAssignment, newestAssignment, type ShipmentState } from "./ShipmentState.ts"
import { allowedIn, step } from "./StateMachine.ts"
import { isTaskAction, type TaskAction, taskTransitions } from "./TaskAction.ts"
import type { TaskPayload } from "./TaskPayload.ts"

/** What can be asked of a shipment, with all that the answer depends on. Ids are bare UUIDs. */
export type ShipmentCommand =
  | { readonly _tag: "Dispatch" }
  /** `assignmentId` is used when a new assignment is made. */
  | { readonly _tag: "Assign" | "Reassign"; readonly assignmentId: string; readonly driverId: string }
  | { readonly _tag: "Unassign"; readonly reason?: string }
  | { readonly _tag: "StartReturn" }
  | { readonly _tag: "Cancel"; readonly reason?: string }
  | {
      readonly _tag: "Task"
      readonly action: TaskAction
      readonly assignmentId: string
      readonly driverId: string
      readonly fencingToken: number
      readonly payload: TaskPayload
    }

const nameOf = (command: ShipmentCommand): ShipmentCommandName => {
  switch (command._tag) {
    case "Dispatch":
      return "dispatch"
    case "Assign":
      return "assign"
    case "Reassign":
      return "reassign"
    case "Unassign":
      return "unassign"
    case "StartReturn":
      return "start_return"
    case "Cancel":
      return "cancel"
    case "Task":
      return command.action
  }
}

/**
 * What a shipment takes from somebody now: the names that `allowed[]` tells. A fresh shipment can be assigned at once, which dispatches it
 * first; a failed one can be returned at once, which starts the return first.
 */
export const allowedCommands = (state: ShipmentState, by: ActorKind): ReadonlyArray<ShipmentCommandName> => {
  const names = new Set(allowedIn(shipmentMachine, state.status))
  if (state.status === "created") names.add("assign")
  if (state.status === "failed") names.add("returned")
  if (state.isPickedUp || (by === "customer" && carryingAssignment(state) !== undefined)) names.delete("cancel")
  // A driver starts a return by reporting it.
  if (by === "driver") names.delete("start_return")
  return [...names].filter((name) => shipmentActors[name].includes(by))
}

const illegal = (state: ShipmentState, command: ShipmentCommand, by: ActorKind): Refused =>
  refused(
    "illegal_transition",
    `the shipment is ${state.status}${state.isPickedUp && command._tag === "Cancel" ? " and picked up" : ""}`,
    allowedCommands(state, by)
  )

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

const decideAssign = (state: ShipmentState, command: Assigning, by: ActorKind): Decision<ShipmentEvent> => {
  const carrier = carryingAssignment(state)
  if (carrier?.driverId === command.driverId) return accepted()
  if (carrier !== undefined && command._tag === "Assign")
    return refused("shipment_already_taken", "another driver has the shipment", allowedCommands(state, by))
  if (command._tag === "Reassign") {
    return step(shipmentMachine, state.status, "reassign")._tag === "Moved"
      ? accepted(assignedTo(state, command, carrier?.assignmentId))
      : illegal(state, command, by)
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

const decideReturn = (state: ShipmentState, command: ShipmentCommand, by: ActorKind): Decision<ShipmentEvent> => {
  const assignment = newestAssignment(state)
  const moved = step(shipmentMachine, state.status, "start_return")
  if (moved._tag === "Unchanged") return accepted()
  if (moved._tag === "Refused" || assignment === undefined) return illegal(state, command, by)
  return accepted({ type: "shipment.returning", data: { assignment_id: assignment.assignmentId } })
}

type Task = Extract<ShipmentCommand, { readonly _tag: "Task" }>

const taskEvent = (command: Task): ShipmentEvent => ({
  type: `shipment.${command.action}` as TaskEventType,
  data: { assignment_id: command.assignmentId, ...command.payload }
})

const illegalTask = (state: ShipmentState, command: Task, status: string): Refused => {
  const allowed = allowedCommands(state, "driver").filter((name) => {
    const { assignment } = isTaskAction(name) ? taskTransitions[name] : { assignment: undefined }
    const current = newestAssignment(state)
    if (current === undefined) return false
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

const decideTask = (state: ShipmentState, command: Task): Decision<ShipmentEvent> => {
  const own = state.assignments.find(
    (each) => each.assignmentId === command.assignmentId && each.driverId === command.driverId
  )
  if (own === undefined) return refused("assignment_not_found", "this driver has no such assignment")
  if (own.fencingToken !== command.fencingToken || own !== newestAssignment(state))
    return refused("stale_fencing_token", "the shipment was given to somebody else, or again, since")
  const transition = taskTransitions[command.action]
  const isEarlyReturn = command.action === "returned" && state.status === "failed"
  const shipment = step(shipmentMachine, isEarlyReturn ? "returning" : state.status, transition.shipment)
  // An action that leaves the assignment as it is belongs to one that is not yet past it.
  const assignment =
    transition.assignment === undefined
      ? own.status === "accepted"
        ? shipment
        : { _tag: "Refused" as const }
      : step(assignmentMachine, own.status, transition.assignment)
  if (shipment._tag === "Unchanged" && assignment._tag === "Unchanged") return accepted()
  if (shipment._tag !== "Moved" || assignment._tag !== "Moved") return illegalTask(state, command, own.status)
  return isEarlyReturn
    ? accepted<ShipmentEvent>(
        { type: "shipment.returning", data: { assignment_id: own.assignmentId } },
        taskEvent(command)
      )
    : accepted(taskEvent(command))
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
    case "StartReturn":
      return decideReturn(state, command, by)
    case "Cancel":
      return decideCancel(state, command, by)
    case "Task":
      return decideTask(state, command)
  }
}
