import type { StopReason } from "../../../src/client/DriverEvents.ts"
import type { TimelineEvent, TrackedOrder } from "../../../src/client/TrackingFrames.ts"
import { CloseCode } from "../../../src/protocol/CloseCode.ts"
import { ageWords } from "../design/Age.ts"

/** What happened, for a customer. Types that are not here are not for them. */
const eventWords: Readonly<Record<string, string>> = {
  "order.submitted": "Order placed",
  "order.confirmed": "Order confirmed",
  "order.cancelled": "Order cancelled",
  "shipment.created": "Your order is being prepared",
  "shipment.dispatching": "Looking for a driver",
  "shipment.assigned": "A driver took your order",
  "shipment.unassigned": "Looking for another driver",
  "shipment.handed_off": "Handed to another driver",
  "shipment.en_route_to_pickup": "The driver is on the way to collect it",
  "shipment.at_pickup": "The driver is collecting it",
  "shipment.picked_up": "Your order was collected",
  "shipment.en_route": "On the way to you",
  "shipment.arrived": "The driver arrived",
  "shipment.delivered": "Delivered",
  "shipment.failed": "The delivery did not work out",
  "shipment.returning": "On the way back to the sender",
  "shipment.returned": "Back at the sender",
  "shipment.cancelled": "Delivery cancelled",
  "proof.added": "Proof of delivery added"
}

/** An event in words; undefined when it is not for customers. */
export const wordsOfEvent = ({ type }: TimelineEvent): string | undefined => eventWords[type]

/** Headline and explanation. */
export interface StageWords {
  readonly headline: string
  readonly detail: string
}

const endings: Readonly<Record<string, StageWords>> = {
  delivered: { headline: "Delivered", detail: "Your order has been handed over. Enjoy it!" },
  failed: { headline: "Not delivered", detail: "The delivery did not work out. The sender will be in touch." },
  returning: { headline: "Not delivered", detail: "Your order is on the way back to the sender." },
  returned: { headline: "Returned", detail: "Your order is back at the sender." },
  cancelled: { headline: "Cancelled", detail: "This delivery was cancelled." }
}

/** How an order that is done ended. The last event knows better than the status, which only a snapshot carries. */
const endingOf = (order: TrackedOrder): StageWords => {
  const last = order.timeline
    .map(({ type }) => type.split(".")[1] ?? "")
    .findLast((state) => endings[state] !== undefined)
  const ending = last ?? order.shipmentStatus ?? ""
  return endings[ending] ?? { headline: "Finished", detail: "This delivery is finished." }
}

/** Where the order stands, in plain words. */
export const wordsOfStage = (order: TrackedOrder): StageWords => {
  const name = order.driver?.firstName || "Your driver"
  switch (order.stage) {
    case "scheduled":
      return { headline: "Order confirmed", detail: "We are finding a driver for you." }
    case "assigned":
      return {
        headline: `${name} has your order`,
        detail: `You will see ${name} on the map once the drive to you begins.`
      }
    case "on_the_way":
      return { headline: `${name} is on the way`, detail: stopsWords(order.stopsAhead) }
    case "nearby":
      return { headline: `${name} is nearby`, detail: "Just a moment now." }
    case "arrived":
      return { headline: `${name} has arrived`, detail: "Please come to the door." }
    case "done":
      return endingOf(order)
    default:
      return { headline: "Your delivery", detail: "" }
  }
}

const stopsWords = (stopsAhead: number | undefined): string => {
  if (stopsAhead === undefined) return "Your order is in the vehicle."
  if (stopsAhead === 0) return "You are the next stop."
  return stopsAhead === 1 ? "One stop before you." : `${stopsAhead} stops before you.`
}

/** A position this old is said to be old. Milliseconds. */
const oldAfterMs = 20_000

/** What is to be said about the driver's position; undefined when it is simply there. */
export const wordsOfPosition = (order: TrackedOrder, serverNowMs: number): string | undefined => {
  const { stage, position } = order
  if (stage === "assigned") return "The driver's position is not shared yet"
  if (stage !== "on_the_way" && stage !== "nearby") return undefined
  if (position === undefined) return "Waiting for the driver's position"
  const ageMs = serverNowMs - position.recordedAt
  return ageMs > oldAfterMs ? `Position is ${ageWords(ageMs)} old` : undefined
}

/** Why there is nothing to follow any more. */
export const wordsOfStop = (stop: StopReason): StageWords => {
  const code = stop.kind === "closed" ? stop.code : undefined
  switch (code) {
    case CloseCode.trackingFinished:
      return { headline: "This delivery is finished", detail: "There is nothing left to follow here." }
    case CloseCode.trackingExpired:
      return { headline: "This link has expired", detail: "Ask the sender for a new one." }
    case CloseCode.trackingRevoked:
      return { headline: "This link was withdrawn", detail: "Ask the sender for a new one." }
    case CloseCode.tooManyConnections:
      return { headline: "Open in too many places", detail: "Close this page elsewhere, then reload it." }
    default:
      return notValid
  }
}

/** For links that open nothing. */
export const notValid: StageWords = {
  headline: "This link is not valid",
  detail: "Check that you copied all of it, or ask the sender for a new one."
}
