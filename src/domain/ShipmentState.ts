import { type AssignmentCommand, type AssignmentStatus, assignmentMachine, isCarrying } from "./Assignment.ts"
import type { ShipmentStatus } from "./Shipment.ts"
import { type ShipmentEvent, type ShipmentEventType, statusAfterEvent } from "./ShipmentEvent.ts"
import { step } from "./StateMachine.ts"
import { type StopCommand, type StopStatus, stopMachine } from "./Stop.ts"
import { isTaskAction, taskTransitions } from "./TaskAction.ts"

/** One driver's part in a shipment. */
export interface AssignmentState {
  readonly assignmentId: string
  readonly driverId: string
  readonly status: AssignmentStatus
  readonly fencingToken: number
}

/** One stop of a shipment. */
export interface StopState {
  readonly stopId: string
  readonly type: "pickup" | "dropoff"
  readonly position: number
  readonly status: StopStatus
}

/** A shipment with its assignments, oldest first, and its stops: what folding its events gives, and what its rows hold. */
export interface ShipmentState {
  readonly status: ShipmentStatus
  /** How many events it has. */
  readonly version: number
  readonly fencingCounter: number
  readonly isPickedUp: boolean
  readonly assignments: ReadonlyArray<AssignmentState>
  readonly stops: ReadonlyArray<StopState>
}

/** The newest assignment, carrying or closed. */
export const newestAssignment = (state: ShipmentState): AssignmentState | undefined => state.assignments.at(-1)

/** The assignment that carries the shipment. */
export const carryingAssignment = (state: ShipmentState): AssignmentState | undefined =>
  state.assignments.find((each) => isCarrying(each.status))

// Whatever the machine does not take leaves the part as it is: history is never judged again.
const moved = (assignment: AssignmentState, command: AssignmentCommand): AssignmentState => {
  const next = step(assignmentMachine, assignment.status, command)
  return next._tag === "Moved" ? { ...assignment, status: next.to } : assignment
}

const movedStop = (stop: StopState, command: StopCommand): StopState => {
  const next = step(stopMachine, stop.status, command)
  return next._tag === "Moved" ? { ...stop, status: next.to } : stop
}

const withAssignment = (
  state: ShipmentState,
  assignmentId: string | undefined,
  command: AssignmentCommand
): ReadonlyArray<AssignmentState> =>
  state.assignments.map((each) => (each.assignmentId === assignmentId ? moved(each, command) : each))

const began = (event: Extract<ShipmentEvent, { readonly type: "shipment.created" }>): ShipmentState => ({
  status: "created",
  version: 1,
  fencingCounter: 0,
  isPickedUp: false,
  assignments: [],
  stops: event.data.stops.map(({ stop_id, type, position }) => ({ stopId: stop_id, type, position, status: "planned" }))
})

type PartsAfter = Partial<Pick<ShipmentState, "assignments" | "stops" | "fencingCounter" | "isPickedUp">>

const replanned = (state: ShipmentState): ReadonlyArray<StopState> =>
  state.stops.map((stop) => movedStop(stop, "replan"))

const partsAfter = (state: ShipmentState, event: ShipmentEvent): PartsAfter => {
  switch (event.type) {
    case "shipment.created":
    case "shipment.dispatching":
    case "shipment.returning":
      return {}
    case "shipment.assigned": {
      const { assignment_id: assignmentId, driver_id: driverId, fencing_token: fencingToken, replaces } = event.data
      const before = withAssignment(state, replaces, "cancel")
      const next: AssignmentState = { assignmentId, driverId, status: "accepted", fencingToken }
      return { assignments: [...before, next], stops: replanned(state), fencingCounter: fencingToken }
    }
    case "shipment.unassigned":
      return { assignments: withAssignment(state, event.data.assignment_id, "cancel"), stops: replanned(state) }
    case "shipment.cancelled":
      return {
        assignments: withAssignment(state, event.data.assignment_id, "cancel"),
        stops: state.stops.map((stop) => movedStop(stop, "skip"))
      }
    default:
      return partsAfterTask(state, event)
  }
}

const partsAfterTask = (
  state: ShipmentState,
  event: { readonly type: ShipmentEventType; readonly data: { readonly assignment_id: string } }
): PartsAfter => {
  const action = event.type.slice("shipment.".length)
  if (!isTaskAction(action)) return {}
  const { assignment, stop } = taskTransitions[action]
  return {
    ...(assignment === undefined ? {} : { assignments: withAssignment(state, event.data.assignment_id, assignment) }),
    ...(stop === undefined
      ? {}
      : { stops: state.stops.map((each) => (each.type === stop.type ? movedStop(each, stop.command) : each)) }),
    ...(action === "picked_up" ? { isPickedUp: true } : {})
  }
}

/** The state after an event. The first one, `shipment.created`, makes a state out of none; no other event can. */
export const evolveShipment = (state: ShipmentState | undefined, event: ShipmentEvent): ShipmentState | undefined => {
  if (event.type === "shipment.created") return began(event)
  if (state === undefined) return undefined
  return { ...state, ...partsAfter(state, event), status: statusAfterEvent[event.type], version: state.version + 1 }
}

/** The state that a whole log gives; undefined for a log that does not begin with `shipment.created`. */
export const foldShipment = (events: ReadonlyArray<ShipmentEvent>): ShipmentState | undefined =>
  events.reduce<ShipmentState | undefined>(evolveShipment, undefined)
