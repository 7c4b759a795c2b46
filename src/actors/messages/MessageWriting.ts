import { Effect } from "effect"
import { authorRole } from "../../domain/MessageAuthor.ts"
import { FileRepo } from "../../persistence/files/FileRepo.ts"
import { MessageRepo, type NewMessage } from "../../persistence/messages/MessageRepo.ts"
import { OrderRepo } from "../../persistence/orders/OrderRepo.ts"
import { RowAbsent } from "../../persistence/RowAbsent.ts"
import { type EventOrigin, ShipmentEventRepo } from "../../persistence/shipments/ShipmentEventRepo.ts"
import { AttachmentsUnknown, MessageIdTaken } from "./MessageRefused.ts"

/** What somebody writes about an order. `userId` is the author's account, whoever they are there. */
export interface Writing extends Omit<NewMessage, "threadId"> {
  readonly orderId: string
  readonly userId: string
}

/** Writes messages and says so in the order's log, in the caller's transaction. */
export const makeMessageWriting = Effect.gen(function* () {
  const rows = yield* MessageRepo
  const files = yield* FileRepo
  const orders = yield* OrderRepo
  const log = yield* ShipmentEventRepo

  /** The thread of an order, made if there was none. */
  const open = Effect.fn("MessageWriting.open")(function* (orderId: string, userId: string) {
    yield* rows.makeThread(orderId, userId)
    return (yield* rows.threadOfOrder(orderId)) ?? (yield* new RowAbsent({ kind: "thread", id: orderId }))
  })

  /** Keeps a message; the same one again is the one that is there. */
  const write = Effect.fn("MessageWriting.write")(function* (
    { orderId, userId, ...message }: Writing,
    origin: EventOrigin
  ) {
    // Whoever writes waits here: messages are committed in the order of their times, so no reader's cursor passes one unseen.
    yield* orders.lock(orderId)
    const thread = yield* open(orderId, userId)
    const own = yield* files.wholeUploads(userId, message.attachments)
    const positions = message.attachments.flatMap((id, position) => (own.has(id) ? [] : [position]))
    if (positions.length > 0) return yield* new AttachmentsUnknown({ positions })
    const isNew = yield* rows.insert({ ...message, threadId: thread.id })
    const kept = yield* rows
      .get(message.id)
      .pipe(Effect.catchTag("RowAbsent", () => Effect.fail(new MessageIdTaken({ messageId: message.id }))))
    const isSame = kept.thread_id === thread.id && kept.author_id === message.authorId && kept.body === message.body
    if (!isSame) return yield* new MessageIdTaken({ messageId: message.id })
    if (isNew) {
      const data = { thread_id: thread.id, message_id: kept.id, author_role: authorRole(kept.author_kind) }
      yield* log.append(orderId, [{ type: "message.created", data }], origin)
    }
    return kept
  })

  return { open, write }
})
