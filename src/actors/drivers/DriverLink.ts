import type { QuarantineCode } from "../../domain/TelemetryRules.ts"
import type { OfferEnd } from "../../persistence/shipments/DriverOffers.ts"
import type { CloseCode } from "../../protocol/CloseCode.ts"
import type { Offer } from "../offers/OfferShape.ts"
import type { ToldTasks } from "../tasks/TaskShape.ts"

/** Why points were not taken. `buffer_full` is this server's memory, not the phone's credit. */
export type RefusalCode = "sequence_gap" | "credit_exceeded" | "buffer_full" | "malformed_frame"

/** `message{}` of the MESSAGE frame (02-protocol, section 5). */
export interface MessageShape {
  readonly message_id: string
  readonly author_role: string
  readonly text: string
  /** Ids of files. */
  readonly attachments: ReadonlyArray<string>
  /** Unix milliseconds. */
  readonly created_at: number
}

/**
 * What an actor may say to a driver's phone. The gateway implements it over a socket; an actor never sees one.
 * All synchronous; saying something to a connection that is gone does nothing.
 */
export interface DriverLink {
  ack(seq: number): void
  flagged(seq: number, code: QuarantineCode): void
  refused(expectedSeq: number, code: RefusalCode, retryAfterMs: number): void
  credit(window: number): void
  result(commandId: string, ok: boolean, detail: Readonly<Record<string, unknown>> | null): void
  /** All that the driver has to do; replaces every list before it. */
  tasks(work: ToldTasks): void
  /** A shipment that the driver may take. */
  offer(offer: Offer): void
  offerGone(offerId: string, reason: OfferEnd): void
  /** What somebody else wrote in a thread; may come twice. */
  message(threadId: string, message: MessageShape): void
  close(code: CloseCode, retryAfterMs: number): void
}
