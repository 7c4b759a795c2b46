import type { ActorKind } from "./Actor.ts"
import { publicId } from "./Ids.ts"
import { type Refused, refused } from "./Refused.ts"
import { isStopOver, joined, type RunSequence, type RunStop, settled, without } from "./RunSequence.ts"
import { isEnded, type ShipmentStatus } from "./Shipment.ts"
import { allowedIn, type StateMachine, step } from "./StateMachine.ts"

/** Every status of a run (`delivery_run_status`). */
export const runStatuses = ["planned", "active", "completed", "cancelled"] as const

/** One of the statuses. */
export type RunStatus = (typeof runStatuses)[number]

/** What moves a run. */
export type RunCommand = "start" | "complete" | "cancel"

/** Several shipments on one way: one driver, one sequence of stops. Its rules beside this table are in `decideStart` and so on. */
export const runMachine: StateMachine<RunStatus, RunCommand> = {
  name: "run",
  initial: "planned",
  states: runStatuses,
  commands: {
    start: { from: ["planned"], to: "active" },
    complete: { from: ["active"], to: "completed" },
    cancel: { from: ["planned", "active"], to: "cancelled" }
  }
}

/** Who may move a run. The system completes one by itself, when nothing of it is left to do. */
export const runActors: Readonly<Record<RunCommand, ReadonlyArray<ActorKind>>> = {
  start: ["dispatcher", "admin"],
  complete: ["dispatcher", "admin", "system"],
  cancel: ["dispatcher", "admin"]
}

/** A shipment as a run sees it. Ids are bare UUIDs. */
export interface RunShipment {
  readonly shipmentId: string
  readonly status: ShipmentStatus
  /** Who carries it, or brings it back; undefined: nobody. */
  readonly holderId: string | undefined
}

/** All that a run's commands are decided by. */
export interface RunState {
  readonly status: RunStatus
  readonly driverId: string | undefined
  readonly sequence: RunSequence
  readonly shipments: ReadonlyArray<RunShipment>
}

/** What a command made of a run, or why not. */
export type RunDecision = { readonly _tag: "Decided"; readonly after: RunState } | Refused

/** Bounds of a run; the numbers are in Limits. */
export interface RunBounds {
  readonly runShipmentsMax: number
  readonly runStopsMax: number
}

const decided = (after: RunState): RunDecision => ({ _tag: "Decided", after })

/** Whether a run's stops may still change. */
export const isOpenRun = (status: RunStatus): boolean => status === "planned" || status === "active"

const notOpen = ({ status }: RunState): Refused | undefined =>
  isOpenRun(status) ? undefined : refused("illegal_transition", `the run is ${status}`, allowedIn(runMachine, status))

/** Shipments of a run that its driver does not have, although they are not over. None while the run has no driver. */
export const notGiven = ({ driverId, shipments }: RunState): ReadonlyArray<RunShipment> =>
  driverId === undefined ? [] : shipments.filter(({ status, holderId }) => !isEnded(status) && holderId !== driverId)

const hasWork = ({ sequence }: RunState): boolean =>
  sequence.some(({ type, status }) => type !== "break" && !isStopOver(status))

const skipped = (stop: RunStop): RunStop =>
  stop.type === "break" && !isStopOver(stop.status) ? { ...stop, status: "skipped" } : stop

const ended = (state: RunState, status: "completed" | "cancelled"): RunState => ({
  ...state,
  status,
  sequence: settled(state.sequence.map(skipped))
})

// A parcel that came back from its door is still in the driver's hands.
const isDone = (state: RunState): boolean =>
  !hasWork(state) && state.shipments.every((shipment) => isEnded(shipment.status))

/** Begins a run: it has a driver, who has every shipment of it that is not over, and something to do. */
export const decideStart = (state: RunState): RunDecision => {
  const moved = step(runMachine, state.status, "start")
  if (moved._tag === "Unchanged") return decided(state)
  if (moved._tag === "Refused") return refused("illegal_transition", `the run is ${state.status}`, moved.allowed)
  if (state.driverId === undefined) return refused("run_without_driver", "give it to a driver first")
  if (!hasWork(state)) return refused("run_empty", "no stop of it is left to make")
  const missing = notGiven(state).length
  if (missing > 0) return refused("run_not_given", `its driver does not have ${missing} of its shipments`)
  return decided({ ...state, status: moved.to })
}

/** Ends a run of which nothing but breaks is left to do; they are skipped. */
export const decideComplete = (state: RunState): RunDecision => {
  const moved = step(runMachine, state.status, "complete")
  if (moved._tag === "Unchanged") return decided(state)
  if (moved._tag === "Refused") return refused("illegal_transition", `the run is ${state.status}`, moved.allowed)
  return isDone(state)
    ? decided(ended(state, "completed"))
    : refused(
        "run_unfinished",
        "a parcel of it is not delivered, returned or taken out",
        allowedIn(runMachine, "active")
      )
}

/** Gives a run up. Shipments that are not over leave it; who carries them carries them on. */
export const decideCancel = (state: RunState): RunDecision => {
  const moved = step(runMachine, state.status, "cancel")
  if (moved._tag === "Unchanged") return decided(state)
  if (moved._tag === "Refused") return refused("illegal_transition", `the run is ${state.status}`, moved.allowed)
  const open = state.shipments.filter(({ status }) => !isEnded(status))
  return decided(ended(open.reduce(leaving, state), "cancelled"))
}

const leaving = (state: RunState, { shipmentId }: { readonly shipmentId: string }): RunState => ({
  ...state,
  sequence: without(state.sequence, shipmentId),
  shipments: state.shipments.filter((each) => each.shipmentId !== shipmentId)
})

/** A shipment that is to be added, with its stops and the run that it is in. */
export interface AddedShipment extends RunShipment {
  readonly stops: RunSequence
  readonly runId: string | undefined
}

/** Puts shipments into a run, behind what it has. One that it has already stays where it is. */
export const decideAdd = (
  state: RunState,
  runId: string,
  added: ReadonlyArray<AddedShipment>,
  bounds: RunBounds
): RunDecision => {
  const closed = notOpen(state)
  if (closed !== undefined) return closed
  const fresh = added.filter((each) => each.runId !== runId)
  for (const { shipmentId, status, runId: otherRun } of fresh) {
    if (otherRun !== undefined)
      return refused("shipment_in_run", `${publicId("shipment", shipmentId)} is in another run`)
    if (isEnded(status) || status === "failed" || status === "returning")
      return refused("shipment_over", `${publicId("shipment", shipmentId)} is ${status}`)
  }
  const sequence = joined(
    state.sequence,
    fresh.flatMap(({ stops }) => stops)
  )
  const shipments = [
    ...state.shipments,
    ...fresh.map(({ shipmentId, status, holderId }) => ({ shipmentId, status, holderId }))
  ]
  return withinBounds({ ...state, sequence, shipments }, bounds)
}

/** A state that a run may be in by its size. */
export const withinBounds = (state: RunState, { runShipmentsMax, runStopsMax }: RunBounds): RunDecision =>
  state.shipments.length > runShipmentsMax || state.sequence.length > runStopsMax
    ? refused("run_too_long", `a run has at most ${runShipmentsMax} shipments and ${runStopsMax} stops`)
    : decided(state)

/** Takes a shipment that is not over out of a run; whoever carries it carries it on. */
export const decideTakeOut = (state: RunState, shipmentId: string): RunDecision => {
  const closed = notOpen(state)
  if (closed !== undefined) return closed
  const shipment = state.shipments.find((each) => each.shipmentId === shipmentId)
  if (shipment !== undefined && isEnded(shipment.status))
    return refused("shipment_over", `${publicId("shipment", shipmentId)} is ${shipment.status}`)
  return decided(completedIfDone(leaving(state, { shipmentId })))
}

/** Takes a break out of a run that is still to come. The stop is one of the run's. */
export const decideDropBreak = (state: RunState, pause: RunStop): RunDecision => {
  const closed = notOpen(state)
  if (closed !== undefined) return closed
  if (pause.type !== "break")
    return refused("not_a_break", `the stop is a ${pause.type}; its shipment is taken out whole`)
  if (isStopOver(pause.status)) return refused("break_over", `the break is ${pause.status}`)
  return decided({ ...state, sequence: state.sequence.filter((stop) => stop !== pause) })
}

/** Gives a run to a driver, or, before it starts, to nobody. */
export const decideDriver = (state: RunState, driverId: string | undefined): RunDecision => {
  const closed = notOpen(state)
  if (closed !== undefined) return closed
  if (driverId === undefined && state.status === "active")
    return refused("run_without_driver", "a run under way has a driver")
  return decided({ ...state, driverId })
}

/** Whether the stops of a run may be changed now. */
export const refuseStops = notOpen

const completedIfDone = (state: RunState): RunState =>
  state.status === "active" && isDone(state) ? ended(state, "completed") : state

/**
 * The run after one of its shipments moved. A shipment that its driver does not have any more leaves; what is over comes first; and a
 * run of which nothing is left to do is completed. A run that is not under way is a plan, and stays as it is.
 */
export const followShipment = (state: RunState, moved: RunShipment): RunState => {
  if (state.status !== "active") return state
  const isLost = !isEnded(moved.status) && moved.holderId !== state.driverId
  const kept = isLost ? leaving(state, moved) : state
  return completedIfDone({ ...kept, sequence: settled(kept.sequence) })
}
