import type { TrackedEta } from "../../../src/client/TrackingFrames.ts"

const minuteMs = 60_000
/** Up to here people count minutes; beyond it they look at the clock. */
const countedMs = 15 * minuteMs
/** Times of day are said in fives: nobody knows better half an hour ahead. */
const clockStepMs = 5 * minuteMs
/** A range of a minute or two is "about". */
const aboutMinutes = 2

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" })

/** A time of day. */
export const timeWords = (unixMs: number): string => clock.format(unixMs)

const minuteWords = (fromMs: number, toMs: number): string => {
  const [from, to] = [Math.max(1, Math.floor(fromMs / minuteMs)), Math.ceil(toMs / minuteMs)]
  if (to <= aboutMinutes) return "any minute now"
  return to - from <= aboutMinutes ? `in about ${to} min` : `in ${from} to ${to} min`
}

/**
 * What follows "Expected": "any minute now", "in about 8 min", "in 6 to 10 min", "14:05 to 14:20", and for a promise "by 16:00". Never
 * more precise than the range, which is rounded outwards. Undefined once the range is over: then nobody knows.
 */
export const arrivalWords = ({ p50At, p90At, source }: TrackedEta, serverNowMs: number): string | undefined => {
  if (p90At <= serverNowMs) return undefined
  if (source === "schedule") return `by ${timeWords(p90At)}`
  if (p50At - serverNowMs <= countedMs) return minuteWords(p50At - serverNowMs, p90At - serverNowMs)
  const from = Math.floor(p50At / clockStepMs) * clockStepMs
  return `${timeWords(from)} to ${timeWords(Math.ceil(p90At / clockStepMs) * clockStepMs)}`
}
