import { Data } from "effect"

/** The id of a message was used for another one. Retry: with another id. */
export class MessageIdTaken extends Data.TaggedError("MessageIdTaken")<{ readonly messageId: string }> {}

/** A message names files that are no whole uploads of its author. Retry: without them. `positions` count from 0. */
export class AttachmentsUnknown extends Data.TaggedError("AttachmentsUnknown")<{
  readonly positions: ReadonlyArray<number>
}> {}
