import type { StopStatus, StopType } from "./Stop.ts"

/** One stop of a run. A break has no shipment. Ids are bare UUIDs. */
export interface RunStop {
  readonly stopId: string
  readonly shipmentId: string | undefined
  readonly type: StopType
  readonly status: StopStatus
}

/** The stops of a run in their order; the first has position 1. */
export type RunSequence = ReadonlyArray<RunStop>

/** Which rule an order of stops breaks. */
export type SequenceRule =
  | "unknown_stop"
  | "repeated_stop"
  | "missing_stop"
  | "over_after_open"
  | "dropoff_before_pickup"

/** Where an order of stops breaks a rule. */
export interface SequenceFault {
  readonly rule: SequenceRule
  readonly stopId: string
  /** Counted from 0 in the order that was asked for; its length for a stop that is missing. */
  readonly position: number
  /** The same of the stop that it cannot stand beside; undefined when it is alone at fault. */
  readonly besidePosition: number | undefined
}

const overStatuses: ReadonlySet<StopStatus> = new Set(["completed", "failed", "skipped"])
const visitedStatuses: ReadonlySet<StopStatus> = new Set(["completed", "failed"])

/** Whether nothing happens at a stop any more. */
export const isStopOver = (status: StopStatus): boolean => overStatuses.has(status)

const isOver = ({ status }: RunStop): boolean => isStopOver(status)

/**
 * The rules of a sequence: stops that are over come before those that are not, and a drop-off that is still to come comes after its
 * parcel's pickup, unless the parcel is picked up already, as its pickup is over then. Answers the first fault.
 */
const faultIn = (sequence: RunSequence): SequenceFault | undefined => {
  const firstOpen = sequence.findIndex((stop) => !isOver(stop))
  for (const [position, stop] of sequence.entries()) {
    const fault = (rule: SequenceRule, besidePosition: number): SequenceFault => ({
      rule,
      stopId: stop.stopId,
      position,
      besidePosition
    })
    if (isOver(stop)) {
      if (firstOpen !== -1 && firstOpen < position) return fault("over_after_open", firstOpen)
      continue
    }
    if (stop.type !== "dropoff") continue
    const pickup = sequence.findIndex(
      (other) => other.type === "pickup" && other.shipmentId === stop.shipmentId && !isOver(other)
    )
    if (pickup > position) return fault("dropoff_before_pickup", pickup)
  }
  return undefined
}

/** The stops in another order, or why they cannot stand so. The order names each stop of the run once. */
export const reordered = (
  sequence: RunSequence,
  order: ReadonlyArray<string>
): { readonly sequence: RunSequence } | { readonly fault: SequenceFault } => {
  const byId = new Map(sequence.map((stop) => [stop.stopId, stop]))
  const next: Array<RunStop> = []
  for (const [position, stopId] of order.entries()) {
    const stop = byId.get(stopId)
    const first = order.indexOf(stopId)
    if (stop === undefined) return { fault: { rule: "unknown_stop", stopId, position, besidePosition: undefined } }
    if (first !== position) return { fault: { rule: "repeated_stop", stopId, position, besidePosition: first } }
    next.push(stop)
  }
  const missing = sequence.find(({ stopId }) => !order.includes(stopId))
  if (missing !== undefined) {
    const { stopId } = missing
    return { fault: { rule: "missing_stop", stopId, position: order.length, besidePosition: undefined } }
  }
  const fault = faultIn(next)
  return fault === undefined ? { sequence: next } : { fault }
}

// Setting out for a stop leaves the breaks right before it behind, and having been at one leaves all before it behind.
const isBehind = (sequence: RunSequence, index: number): boolean => {
  const after = sequence.slice(index + 1)
  const next = after.find(({ type }) => type !== "break")
  return (next !== undefined && next.status !== "planned") || after.some(({ status }) => visitedStatuses.has(status))
}

/** The sequence after something happened at one of its stops: breaks that lie behind are completed, and what is over comes first. */
export const settled = (sequence: RunSequence): RunSequence => {
  const passed = sequence.map(
    (stop, index): RunStop =>
      stop.type === "break" && stop.status === "planned" && isBehind(sequence, index)
        ? { ...stop, status: "completed" }
        : stop
  )
  return [...passed.filter(isOver), ...passed.filter((stop) => !isOver(stop))]
}

/** The sequence with the stops of more shipments at its end: all their pickups, then all their drop-offs, in the order given. */
export const joined = (sequence: RunSequence, added: RunSequence): RunSequence =>
  settled([
    ...sequence,
    ...added.filter(({ type }) => type === "pickup"),
    ...added.filter(({ type }) => type === "dropoff")
  ])

/** The sequence with a break right after one of its stops, before all that is still to come, or (undefined) at its end. */
export const withBreak = (sequence: RunSequence, stopId: string, after: string | undefined): RunSequence => {
  const pause: RunStop = { stopId, shipmentId: undefined, type: "break", status: "planned" }
  const index = after === undefined ? sequence.length - 1 : sequence.findIndex((stop) => stop.stopId === after)
  const opens = sequence.filter(isOver).length
  const at = Math.max(index + 1, opens)
  return [...sequence.slice(0, at), pause, ...sequence.slice(at)]
}

/** The sequence without a shipment's stops. */
export const without = (sequence: RunSequence, shipmentId: string): RunSequence =>
  sequence.filter((stop) => stop.shipmentId !== shipmentId)
