import type { Actor } from "./Actor.ts"
import { isCarrying } from "./Assignment.ts"
import type { ShipmentEvent, ShipmentEventType } from "./ShipmentEvent.ts"
import { type AssignmentState, evolveShipment, type ShipmentState } from "./ShipmentState.ts"

/** One event of a shipment with when it happened, who was behind it, and what it followed from. */
export interface LoggedEvent {
  readonly event: ShipmentEvent
  readonly at: Date
  readonly by: Actor
  readonly cause: string
}

/** How a driver came to an assignment: they were asked, or given it without asking by a person, or by the server. */
export type Origin = "by_offer" | "by_hand" | "by_server"

/** What became of an offer. `lost`: somebody else got the shipment; `withdrawn`: nobody did. */
export type OfferAnswer = "open" | "accepted" | "declined" | "expired" | "lost" | "withdrawn"

/** A driver who was asked, and what they said. */
export interface Candidate {
  readonly assignmentId: string
  readonly driverId: string
  readonly fencingToken: number
  readonly asked: LoggedEvent
  readonly expiresAt: Date | undefined
  readonly answer: OfferAnswer
  /** What ended the offer; undefined while it is open. */
  readonly answered: LoggedEvent | undefined
}

/** Why a driver was asked, or given a shipment, as its log tells. Ids are bare UUIDs. */
export interface Explanation {
  readonly origin: Origin
  /** The offer, or the event that gave it. */
  readonly asked: LoggedEvent
  /** Why staff took it from the driver before. */
  readonly reason: string | undefined
  /** The assignment that it was taken from. */
  readonly replaces: string | undefined
  /** Everybody who was asked since the shipment began to wait, in that order. */
  readonly candidates: ReadonlyArray<Candidate>
  /** When the driver got it; undefined: never. */
  readonly taken: LoggedEvent | undefined
  /** What ended it last; undefined while it is open. */
  readonly ended: LoggedEvent | undefined
}

interface Track {
  readonly asked: LoggedEvent
  readonly search: number
  taken: LoggedEvent | undefined
  ended: LoggedEvent | undefined
}

const searchBeginnings: ReadonlySet<ShipmentEventType> = new Set([
  "shipment.created",
  "shipment.dispatching",
  "shipment.unassigned",
  "shipment.handed_off",
  "shipment.retrying",
  "shipment.returning",
  "shipment.return_assigned"
])

const beginsSearch = ({ type, data }: ShipmentEvent): boolean =>
  searchBeginnings.has(type) || (type === "shipment.assigned" && "replaces" in data)

const note = (
  tracks: Map<string, Track>,
  before: ShipmentState | undefined,
  after: ShipmentState,
  logged: LoggedEvent,
  search: number
): void => {
  const known = new Map(before?.assignments.map((each) => [each.assignmentId, each.status]))
  for (const { assignmentId, status } of after.assignments) {
    if (known.get(assignmentId) === status) continue
    const track = tracks.get(assignmentId) ?? { asked: logged, search, taken: undefined, ended: undefined }
    tracks.set(assignmentId, track)
    if (isCarrying(status)) track.taken ??= logged
    else if (status !== "pending") track.ended = logged
  }
}

const tracksOf = (log: ReadonlyArray<LoggedEvent>) => {
  const tracks = new Map<string, Track>()
  let state: ShipmentState | undefined
  let search = 0
  for (const [index, logged] of log.entries()) {
    const after = evolveShipment(state, logged.event)
    if (after === undefined) return undefined
    if (beginsSearch(logged.event)) search = index
    note(tracks, state, after, logged, search)
    state = after
  }
  return { tracks, assignments: state?.assignments ?? [] }
}

const answerOf = ({ status }: AssignmentState, ended: LoggedEvent | undefined): OfferAnswer => {
  if (status === "pending") return "open"
  if (status === "rejected") return "declined"
  if (status !== "expired") return "accepted"
  if (ended?.event.type === "shipment.offer_expired") return "expired"
  return ended?.event.type === "shipment.assigned" ? "lost" : "withdrawn"
}

const expiryOf = ({ event }: LoggedEvent, assignmentId: string): Date | undefined => {
  const offers = event.type === "shipment.offered" ? event.data.offers : []
  const own = offers.find((each) => each.assignment_id === assignmentId)
  return own === undefined ? undefined : new Date(own.expires_at)
}

const candidateOf = (state: AssignmentState, { asked, taken, ended }: Track): Candidate => {
  const answer = answerOf(state, ended)
  const { assignmentId, driverId, fencingToken } = state
  const answered = answer === "accepted" ? taken : ended
  return { assignmentId, driverId, fencingToken, asked, expiresAt: expiryOf(asked, assignmentId), answer, answered }
}

// After the pickup the reason is that of the hand-off which staff's command wrote first.
const reasonOf = (log: ReadonlyArray<LoggedEvent>, { event, cause }: LoggedEvent): string | undefined => {
  if (event.type === "shipment.return_assigned") return event.data.reason
  const before = log[log.findIndex((each) => each.event === event) - 1]
  return before?.event.type === "shipment.handed_off" && before.cause === cause ? before.event.data.reason : undefined
}

const originOf = ({ event, by }: LoggedEvent): Origin => {
  if (event.type === "shipment.offered") return "by_offer"
  return by.kind === "system" ? "by_server" : "by_hand"
}

const replacedBy = ({ event }: LoggedEvent): string | undefined =>
  event.type === "shipment.assigned" || event.type === "shipment.return_assigned" ? event.data.replaces : undefined

/**
 * Explains one assignment by its shipment's whole log. Undefined when the log does not tell of it: it is kept for a time, and assignments
 * for ever.
 */
export const explainAssignment = (log: ReadonlyArray<LoggedEvent>, assignmentId: string): Explanation | undefined => {
  const told = tracksOf(log)
  const own = told?.tracks.get(assignmentId)
  if (told === undefined || own === undefined) return undefined
  const candidates = told.assignments.flatMap((each) => {
    const track = told.tracks.get(each.assignmentId)
    const isAsked = track?.search === own.search && track.asked.event.type === "shipment.offered"
    return isAsked ? [candidateOf(each, track)] : []
  })
  const { asked, taken, ended } = own
  return {
    origin: originOf(asked),
    asked,
    reason: reasonOf(log, asked),
    replaces: replacedBy(asked),
    candidates,
    taken,
    ended
  }
}
