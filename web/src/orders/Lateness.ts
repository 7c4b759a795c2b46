import { ageWords } from "../design/Age.ts"
import { timeWords } from "../design/Arrival.ts"
import type { BoardOrder } from "./BoardOrder.ts"

/** How an order keeps to what was promised. */
export interface Lateness {
  /** `tight`: the time is nearly over, or the estimate may miss it. */
  readonly kind: "late" | "tight" | "fine"
  readonly words: string
}

const minuteMs = 60_000
/** So little time left is little, whatever else is known. */
const tightMs = 20 * minuteMs

type Promised = Pick<BoardOrder, "window" | "promised_arrival_at" | "eta" | "ended_at" | "shipment_status">

/** When it was promised, Unix milliseconds; undefined when nothing was. */
export const deadlineOf = ({ window, promised_arrival_at }: Pick<Promised, "window" | "promised_arrival_at">) => {
  const text = promised_arrival_at ?? window?.end
  return text === undefined || text === null ? undefined : Date.parse(text)
}

const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" })

/** A time of day, with its day unless that is today. */
export const momentWords = (unixMs: number, nowMs: number): string => {
  const isToday = new Date(unixMs).toDateString() === new Date(nowMs).toDateString()
  return isToday ? timeWords(unixMs) : `${day.format(unixMs)}, ${timeWords(unixMs)}`
}

/** How late, in words; under a minute is a minute. */
const lateWords = (lateMs: number): string => `${ageWords(Math.max(minuteMs, lateMs))} late`

const endedLateness = (deadlineMs: number, endedMs: number, isDelivered: boolean): Lateness | undefined => {
  if (!isDelivered) return undefined
  return endedMs > deadlineMs
    ? { kind: "late", words: lateWords(endedMs - deadlineMs) }
    : { kind: "fine", words: "In time" }
}

/** How an order keeps to what was promised; undefined when nothing was, or nothing is to be said any more. */
export const latenessOf = (order: Promised, nowMs: number): Lateness | undefined => {
  const deadlineMs = deadlineOf(order)
  if (deadlineMs === undefined) return undefined
  if (order.ended_at !== null)
    return endedLateness(deadlineMs, Date.parse(order.ended_at), order.shipment_status === "delivered")
  if (nowMs > deadlineMs) return { kind: "late", words: lateWords(nowMs - deadlineMs) }
  const expectedMs = order.eta === null ? undefined : Date.parse(order.eta.p50_at)
  if (expectedMs !== undefined && expectedMs > deadlineMs)
    return { kind: "tight", words: `Expected ${lateWords(expectedMs - deadlineMs)}` }
  if (deadlineMs - nowMs < tightMs)
    return { kind: "tight", words: `Due in ${ageWords(Math.max(minuteMs, deadlineMs - nowMs))}` }
  return { kind: "fine", words: `By ${momentWords(deadlineMs, nowMs)}` }
}
