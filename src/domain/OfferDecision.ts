import type { ActorKind } from "./Actor.ts"
import { allowedCommands, illegalFor } from "./AllowedCommands.ts"
import { isCarrying, wasTaken } from "./Assignment.ts"
import { accepted, type Decision, type Refused, refused } from "./Refused.ts"
import type { ShipmentEvent } from "./ShipmentEvent.ts"
import {
  type AssignmentState,
  carryingAssignment,
  newestAssignment,
  openOffers,
  type ShipmentState
} from "./ShipmentState.ts"

/** A driver to ask. `assignmentId` is used when a new offer is made. Bare UUIDs. */
export interface WantedOffer {
  readonly assignmentId: string
  readonly driverId: string
}

interface Reply extends WantedOffer {
  readonly fencingToken: number
  /** The server's clock, which alone decides whether an offer is still open. */
  readonly nowMs: number
}

/** What can be asked about a shipment's offers. Times are Unix milliseconds by the server's clock. */
export type OfferCommand =
  | {
      readonly _tag: "Offer"
      readonly offers: ReadonlyArray<WantedOffer>
      readonly expiresAtMs: number
      readonly nowMs: number
    }
  | ({ readonly _tag: "AcceptOffer" } & Reply)
  | ({ readonly _tag: "DeclineOffer"; readonly reason?: string } & Reply)
  | { readonly _tag: "ExpireOffers"; readonly nowMs: number }

type Of<Tag extends OfferCommand["_tag"]> = Extract<OfferCommand, { readonly _tag: Tag }>

const isOver = (offer: AssignmentState, nowMs: number): boolean => (offer.expiresAtMs ?? nowMs) <= nowMs

const expired = (offers: ReadonlyArray<AssignmentState>): ReadonlyArray<ShipmentEvent> =>
  offers.length === 0
    ? []
    : [{ type: "shipment.offer_expired", data: { assignment_ids: offers.map((each) => each.assignmentId) } }]

/** The event that makes offers; each takes the next token. */
export const offered = (
  state: ShipmentState,
  offers: ReadonlyArray<WantedOffer>,
  expiresAtMs: number
): ShipmentEvent => ({
  type: "shipment.offered",
  data: {
    offers: offers.map(({ assignmentId, driverId }, index) => ({
      assignment_id: assignmentId,
      driver_id: driverId,
      fencing_token: state.fencingCounter + index + 1,
      expires_at: expiresAtMs
    }))
  }
})

// A driver who was asked already and may still answer is not asked again: that offer stays as it is.
const decideOffer = (state: ShipmentState, command: Of<"Offer">, by: ActorKind): Decision<ShipmentEvent> => {
  if (carryingAssignment(state) !== undefined)
    return refused("shipment_already_taken", "a driver has the shipment", allowedCommands(state, by))
  if (state.status !== "created" && state.status !== "dispatching") return illegalFor(state, by)
  if (command.offers.length === 0)
    return refused("no_driver_available", "nobody who works, is near and has time has not declined it")
  const due = openOffers(state).filter((each) => isOver(each, command.nowMs))
  const asked = new Set(openOffers(state).flatMap((each) => (isOver(each, command.nowMs) ? [] : [each.driverId])))
  const wanted = command.offers.filter(({ driverId }) => {
    const isAsked = asked.has(driverId)
    asked.add(driverId)
    return !isAsked
  })
  if (wanted.length === 0) return accepted()
  const begun: ReadonlyArray<ShipmentEvent> =
    state.status === "created" ? [{ type: "shipment.dispatching", data: {} }] : []
  return accepted(...begun, ...expired(due), offered(state, wanted, command.expiresAtMs))
}

/** Why an offer that is closed cannot be answered any more. */
const closed = (state: ShipmentState, offer: AssignmentState): Refused => {
  if (offer.status === "rejected") return refused("illegal_transition", "this driver declined the offer")
  if (state.status === "cancelled") return refused("offer_withdrawn", "the shipment was cancelled")
  // Whoever has it, or had it last, was there before the offer: nobody took it.
  const isTurnedBack = state.status === "returning" || state.status === "returned"
  if (isTurnedBack && (newestAssignment(state)?.fencingToken ?? 0) < offer.fencingToken)
    return refused("offer_withdrawn", "the parcel goes back")
  return state.status === "dispatching"
    ? refused("offer_expired", "the offer's time is over")
    : refused("shipment_already_taken", "another driver has the shipment")
}

const decideReply = (
  state: ShipmentState,
  command: Of<"AcceptOffer"> | Of<"DeclineOffer">
): Decision<ShipmentEvent> => {
  const { assignmentId, driverId, fencingToken, nowMs } = command
  const own = state.assignments.find((each) => each.assignmentId === assignmentId && each.driverId === driverId)
  if (own === undefined) return refused("offer_not_found", "no such offer was made to this driver")
  if (own.fencingToken !== fencingToken)
    return refused("stale_fencing_token", "the offer has another token than this one")
  const isRepeated = command._tag === "AcceptOffer" ? isCarrying(own.status) : own.status === "rejected"
  if (isRepeated) return accepted()
  if (wasTaken(own.status)) return refused("illegal_transition", `the assignment is ${own.status}`)
  if (own.status !== "pending") return closed(state, own)
  if (isOver(own, nowMs)) return refused("offer_expired", "the offer's time is over")
  if (command._tag === "AcceptOffer") {
    const data = { assignment_id: assignmentId, driver_id: driverId, fencing_token: fencingToken }
    return accepted<ShipmentEvent>({ type: "shipment.assigned", data })
  }
  const reason = command.reason === undefined ? {} : { reason: command.reason }
  const data = { assignment_id: assignmentId, driver_id: driverId, ...reason }
  return accepted<ShipmentEvent>({ type: "shipment.offer_declined", data })
}

/** What a command does to a shipment's offers. Total and pure. */
export const decideOffers = (state: ShipmentState, command: OfferCommand, by: ActorKind): Decision<ShipmentEvent> => {
  switch (command._tag) {
    case "Offer":
      return decideOffer(state, command, by)
    case "AcceptOffer":
    case "DeclineOffer":
      return decideReply(state, command)
    case "ExpireOffers":
      return accepted(...expired(openOffers(state).filter((each) => isOver(each, command.nowMs))))
  }
}
