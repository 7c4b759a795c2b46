import type { Frame } from "../protocol/FrameCodec.ts"
import { DriverServerFrame } from "../protocol/FrameType.ts"
import type { DriverListeners } from "./DriverEvents.ts"
import type { OpenOffers } from "./OpenOffers.ts"
import { isFields, numberOr, readOffer, textOr } from "./ServerFrames.ts"

/** Passes on frames that only the app can act on. Types this version does not know are a newer server's business. */
export const tellApp = (frame: Frame, listeners: DriverListeners, offers: OpenOffers): void => {
  if (frame[0] === DriverServerFrame.offer) {
    const offer = readOffer(frame)
    if (offer !== undefined) offers.take(offer)
  } else if (frame[0] === DriverServerFrame.offerGone) {
    offers.end(textOr(frame[1], ""), textOr(frame[2], ""))
  } else if (frame[0] === DriverServerFrame.tasks) {
    const [, version, tasks, breaks] = frame
    const list = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])
    offers.tasked(list(tasks))
    listeners.tell("tasks", { version: numberOr(version, 0), tasks: list(tasks), breaks: list(breaks) })
  } else if (frame[0] === DriverServerFrame.message) {
    listeners.tell("message", { threadId: textOr(frame[1], ""), message: isFields(frame[2]) ? frame[2] : {} })
  }
}
