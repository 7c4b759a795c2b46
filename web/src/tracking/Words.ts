import type { StopReason } from "../../../src/client/DriverEvents.ts"
import type { TimelineEvent, TrackedOrder } from "../../../src/client/TrackingFrames.ts"
import { CloseCode } from "../../../src/protocol/CloseCode.ts"
import { ageWords } from "../design/Age.ts"
import { timeWords } from "../design/Arrival.ts"

const dayTime = new Intl.DateTimeFormat(undefined, {
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit"
})

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
  "shipment.retrying": "It will be tried again",
  "shipment.returning": "On the way back to the sender",
  "shipment.returned": "Back at the sender",
  "shipment.cancelled": "Delivery cancelled",
  "proof.added": "Proof of delivery added"
}

/** Why a delivery failed, as far as it helps whoever waits for it. The list is `failureReasons` of the server. */
const failureWords: Readonly<Record<string, string>> = {
  recipient_absent: "nobody answered",
  address_wrong: "the address was not found",
  access_denied: "the driver could not get in",
  refused_by_recipient: "it was not accepted",
  recipient_unverified: "the PIN or document did not match",
  damaged: "it is damaged"
}

const reasonWords = ({ data }: TimelineEvent): string | undefined =>
  typeof data.reason_code === "string" ? failureWords[data.reason_code] : undefined

const windowWords = ({ data }: TimelineEvent): string | undefined => {
  const { window_start: start, window_end: end } = data
  return typeof start === "number" && typeof end === "number"
    ? `${dayTime.format(start)} to ${timeWords(end)}`
    : undefined
}

/** An event in words; undefined when it is not for customers. */
export const wordsOfEvent = (event: TimelineEvent): string | undefined => {
  if (event.type === "shipment.rescheduled") {
    const window = windowWords(event)
    return window === undefined ? "A new time is planned" : `New time: ${window}`
  }
  const words = eventWords[event.type]
  const reason = event.type === "shipment.failed" ? reasonWords(event) : undefined
  return reason === undefined ? words : `${words}: ${reason}`
}

/** Headline and explanation. */
export interface StageWords {
  readonly headline: string
  readonly detail: string
}

const endings: Readonly<Record<string, StageWords>> = {
  delivered: { headline: "Delivered", detail: "Your order has been handed over. Enjoy it!" },
  failed: { headline: "Not delivered", detail: "The delivery did not work out. The sender decides what happens next." },
  returning: { headline: "Not delivered", detail: "Your order is on the way back to the sender." },
  returned: { headline: "Returned", detail: "Your order is back at the sender." },
  cancelled: { headline: "Cancelled", detail: "This delivery was cancelled." }
}

/** After a failed attempt: why, and what comes next as far as anybody knows. */
const failureOf = (failed: TimelineEvent, timeline: TrackedOrder["timeline"]): StageWords => {
  const reason = reasonWords(failed)
  const rescheduled = timeline.findLast(({ type, offset }) => type === "shipment.rescheduled" && offset > failed.offset)
  const window = rescheduled === undefined ? undefined : windowWords(rescheduled)
  const what = `The delivery did not work out${reason === undefined ? "" : `: ${reason}`}.`
  const next = window === undefined ? "The sender decides what happens next." : `New time: ${window}.`
  return { headline: "Not delivered", detail: `${what} ${next}` }
}

/** How an order that is done ended. The last event knows better than the status, which only a snapshot carries. */
const endingOf = ({ timeline, shipmentStatus }: TrackedOrder): StageWords => {
  const last = timeline.findLast(({ type }) => endings[type.split(".")[1] ?? ""] !== undefined)
  if (last?.type === "shipment.failed") return failureOf(last, timeline)
  const ending = last?.type.split(".")[1] ?? shipmentStatus ?? ""
  return endings[ending] ?? { headline: "Finished", detail: "This delivery is finished." }
}

/** Where the order stands, in plain words. */
export const wordsOfStage = (order: TrackedOrder): StageWords => {
  const name = order.driver?.firstName || "Your driver"
  switch (order.stage) {
    case "scheduled":
      return waitingWords(order)
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

/** Before there is a driver: the first one, another one, or one for another attempt. */
const waitingWords = ({ timeline }: TrackedOrder): StageWords => {
  const last = timeline.findLast(({ type }) => waits[type] !== undefined)
  const rescheduled = timeline.findLast(({ type }) => type === "shipment.rescheduled")
  const window = rescheduled === undefined ? undefined : windowWords(rescheduled)
  const words = waits[last?.type ?? ""] ?? { headline: "Order confirmed", detail: "We are finding a driver for you." }
  return window === undefined ? words : { ...words, detail: `${words.detail} New time: ${window}.` }
}

const waits: Readonly<Record<string, StageWords>> = {
  "shipment.retrying": {
    headline: "Another attempt",
    detail: "The last one did not work out. We are finding a driver for the next."
  },
  "shipment.unassigned": { headline: "Another driver", detail: "We are finding another driver for you." }
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

/** What to do with the PIN of a delivery. */
export const wordsOfPin = ({ stage, driver }: TrackedOrder): string => {
  const name = driver?.firstName || "the driver"
  return stage === "arrived"
    ? `Tell ${name} this PIN now, to get your order.`
    : `To get your order, tell it to ${name} at your door. Keep it to yourself until then.`
}
