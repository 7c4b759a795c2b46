import { type AssignmentCommand, type AssignmentStatus, assignmentMachine, isCarrying, wasTaken } from "./Assignment.ts"
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
  /** Until when an open offer may be taken, Unix milliseconds; null when it is not one. */
  readonly expiresAtMs: number | null
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

/** The newest assignment that its driver had, carrying or closed. Offers make nobody's token stale. */
export const newestAssignment = (state: ShipmentState): AssignmentState | undefined =>
  state.assignments.findLast((each) => wasTaken(each.status))

/** Offers that nobody has answered, those included whose time has passed. */
export const openOffers = (state: ShipmentState): ReadonlyArray<AssignmentState> =>
  state.assignments.filter((each) => each.status === "pending")

/** The assignment that carries the shipment. */
export const carryingAssignment = (state: ShipmentState): AssignmentState | undefined =>
  state.assignments.find((each) => isCarrying(each.status))

/** The assignment whose driver has the shipment: it carries it, or failed to deliver it and has not brought it back. */
export const holdingAssignment = (state: ShipmentState): AssignmentState | undefined => {
  const isComingBack = state.status === "failed" || state.status === "returning"
  const failed = isComingBack ? newestAssignment(state) : undefined
  return carryingAssignment(state) ?? (failed?.status === "failed" ? failed : undefined)
}

// Whatever the machine does not take leaves the part as it is: history is never judged again.
const moved = (assignment: AssignmentState, command: AssignmentCommand): AssignmentState => {
  const next = step(assignmentMachine, assignment.status, command)
  return next._tag === "Moved" ? { ...assignment, status: next.to, expiresAtMs: null } : assignment
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

type Happened<Type extends ShipmentEventType> = Extract<ShipmentEvent, { readonly type: Type }>

const afterOffering = (state: ShipmentState, { data }: Happened<"shipment.offered">): PartsAfter => {
  const made = data.offers.map(
    (offer): AssignmentState => ({
      assignmentId: offer.assignment_id,
      driverId: offer.driver_id,
      status: "pending",
      fencingToken: offer.fencing_token,
      expiresAtMs: offer.expires_at
    })
  )
  return {
    assignments: [...state.assignments, ...made],
    fencingCounter: made.at(-1)?.fencingToken ?? state.fencingCounter
  }
}

const afterAssigning = (state: ShipmentState, { data }: Happened<"shipment.assigned">): PartsAfter => {
  const { assignment_id: assignmentId, driver_id: driverId, fencing_token: fencingToken, replaces } = data
  const settled = state.assignments.map((each) => {
    if (each.assignmentId === assignmentId) return moved(each, "accept")
    return each.assignmentId === replaces ? moved(each, "cancel") : moved(each, "expire")
  })
  const isOffered = state.assignments.some((each) => each.assignmentId === assignmentId)
  const next: AssignmentState = { assignmentId, driverId, status: "accepted", fencingToken, expiresAtMs: null }
  return {
    assignments: isOffered ? settled : [...settled, next],
    stops: replanned(state),
    fencingCounter: Math.max(state.fencingCounter, fencingToken)
  }
}

// A failed attempt stays one, whoever brings the parcel back.
const afterGivingReturn = (state: ShipmentState, { data }: Happened<"shipment.return_assigned">): PartsAfter => {
  const next: AssignmentState = {
    assignmentId: data.assignment_id,
    driverId: data.driver_id,
    status: "accepted",
    fencingToken: data.fencing_token,
    expiresAtMs: null
  }
  return {
    assignments: [...withAssignment(state, data.replaces, "hand_off"), next],
    fencingCounter: data.fencing_token
  }
}

const afterTurningBack = (state: ShipmentState): PartsAfter => ({
  assignments: state.assignments.map((each) => moved(each, "expire")),
  stops: state.stops.map((stop) => movedStop(stop, "skip"))
})

const partsAfter = (state: ShipmentState, event: ShipmentEvent): PartsAfter => {
  switch (event.type) {
    case "shipment.created":
    case "shipment.dispatching":
    case "shipment.rescheduled":
      return {}
    case "shipment.returning":
      return afterTurningBack(state)
    case "shipment.return_assigned":
      return afterGivingReturn(state, event)
    case "shipment.offered":
      return afterOffering(state, event)
    case "shipment.offer_declined":
      return { assignments: withAssignment(state, event.data.assignment_id, "reject") }
    case "shipment.offer_expired":
      return {
        assignments: state.assignments.map((each) =>
          event.data.assignment_ids.includes(each.assignmentId) ? moved(each, "expire") : each
        )
      }
    case "shipment.assigned":
      return afterAssigning(state, event)
    case "shipment.retrying":
      return { stops: replanned(state) }
    case "shipment.unassigned":
      return { assignments: withAssignment(state, event.data.assignment_id, "cancel"), stops: replanned(state) }
    case "shipment.cancelled":
      return {
        assignments: state.assignments.map((each) =>
          moved(each, each.assignmentId === event.data.assignment_id ? "cancel" : "expire")
        ),
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
  return {
    ...state,
    ...partsAfter(state, event),
    status: statusAfterEvent[event.type] ?? state.status,
    version: state.version + 1
  }
}

/** The state that a whole log gives; undefined for a log that does not begin with `shipment.created`. */
export const foldShipment = (events: ReadonlyArray<ShipmentEvent>): ShipmentState | undefined =>
  events.reduce<ShipmentState | undefined>(evolveShipment, undefined)
