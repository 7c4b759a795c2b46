import type { Frame } from "../protocol/FrameCodec.ts"
import type { Offer } from "./DriverEvents.ts"
import type { Cadence, LineUp } from "./Upload.ts"

/** WELCOME, read. */
export interface Welcome extends LineUp {
  readonly sessionId: string
  /** The server's clock, Unix milliseconds. */
  readonly serverTime: number
  readonly cadence: Cadence
}

type Fields = Readonly<Record<string, unknown>>

/** Whether a decoded value is a map. */
export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const numberOr = (value: unknown, otherwise: number): number => (typeof value === "number" ? value : otherwise)

export const textOr = (value: unknown, otherwise: string): string => (typeof value === "string" ? value : otherwise)

/** Reads WELCOME; undefined when it lacks what the client cannot do without. What a newer server adds is ignored. */
export const readWelcome = (frame: Frame, cadence: Cadence): Welcome | undefined => {
  const [, sessionId, ackedSeq, window, serverTime, wanted, lastRecordedAt] = frame
  if (typeof ackedSeq !== "number" || typeof window !== "number" || typeof serverTime !== "number") return undefined
  return {
    sessionId: textOr(sessionId, ""),
    ackedSeq,
    window,
    serverTime,
    cadence: readCadence(wanted, cadence),
    lastRecordedAt: typeof lastRecordedAt === "number" ? lastRecordedAt : null
  }
}

/** Reads `cadence{moving_ms, idle_ms, batch}`; what is missing stays as it was. */
export const readCadence = (value: unknown, before: Cadence): Cadence => {
  if (!isFields(value)) return before
  return {
    movingMs: Math.max(0, numberOr(value.moving_ms, before.movingMs)),
    idleMs: Math.max(0, numberOr(value.idle_ms, before.idleMs)),
    batch: Math.max(1, numberOr(value.batch, before.batch))
  }
}

/** Reads OFFER; undefined when it lacks what an answer needs. */
export const readOffer = (frame: Frame): Offer | undefined => {
  const [, offerId, assignmentId, shipment, fencingToken, expiresAt] = frame
  if (typeof offerId !== "string" || typeof fencingToken !== "number" || typeof expiresAt !== "number") return undefined
  return {
    offerId,
    assignmentId: textOr(assignmentId, ""),
    shipment: isFields(shipment) ? shipment : {},
    fencingToken,
    expiresAt
  }
}

/** GOODBYE, read. */
export interface Goodbye {
  readonly code: number
  readonly reason: string
  readonly retryAfterMs: number
}

/** Reads GOODBYE; one without a code counts as a broken connection. */
export const readGoodbye = (frame: Frame): Goodbye => ({
  code: numberOr(frame[1], 1006),
  reason: textOr(frame[2], ""),
  retryAfterMs: numberOr(frame[3], 0)
})
