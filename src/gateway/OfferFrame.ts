import type { OfferReply } from "../actors/tasks/TaskReports.ts"
import { bareId } from "../domain/Ids.ts"
import type { Frame } from "../protocol/FrameCodec.ts"

/** Characters of the longest reason for declining. */
const reasonLengthMax = 200

/**
 * Reads `[6, commandId, offerId, fencingToken, accepted, reason]`; a text says what is wrong with it. The caller has checked the
 * commandId. An id of another form is no offer's, so it is asked for like an absent one.
 */
export const readOfferReply = (commandId: string, frame: Frame): OfferReply | string => {
  const [, , offerId, fencingToken, accepted, reason] = frame
  if (typeof offerId !== "string") return "offerId must be a text"
  if (typeof fencingToken !== "number" || !Number.isSafeInteger(fencingToken) || fencingToken < 0)
    return "fencingToken must be a whole number"
  if (typeof accepted !== "boolean") return "accepted must be true or false"
  if (reason !== null && reason !== undefined && !isReason(reason))
    return `reason must be a text of 1 to ${reasonLengthMax} characters, or nil`
  const assignmentId = bareId("offer", offerId) ?? nilUuid
  return { commandId, assignmentId, fencingToken, accepted, reason: isReason(reason) ? reason : null }
}

const isReason = (value: unknown): value is string =>
  typeof value === "string" &&
  value.length >= 1 &&
  value.length <= reasonLengthMax &&
  value.isWellFormed() &&
  !value.includes("\0")

const nilUuid = "00000000-0000-0000-0000-000000000000"
