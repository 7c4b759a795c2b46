import { Context, Effect, FiberSet, Layer, Schedule } from "effect"
import { publicId } from "../../domain/Ids.ts"
import { authorRole } from "../../domain/MessageAuthor.ts"
import { DriverInbox, type InboxRow } from "../../persistence/shipments/DriverInbox.ts"
import type { DriverLink, MessageShape } from "../drivers/DriverLink.ts"
import { DriverRegistry } from "../drivers/DriverRegistry.ts"

/** Who can be told a message. */
type MessageReader = Pick<DriverLink, "message">

const shapeOf = (row: InboxRow): MessageShape => ({
  message_id: publicId("message", row.id),
  author_role: authorRole(row.author_kind),
  text: row.body,
  attachments: row.attachments.map((id) => publicId("file", id)),
  created_at: row.created_ms
})

/**
 * Messages for drivers, told to their phones on this node: each once to every connected device when it is written, on any node,
 * and those that are unread to each device that was welcomed. A phone may hear one twice, and knows it by its id.
 *
 * Tricky interleaving
 * - A message is written while its driver says HELLO: what is unread is read after the phone is connected, so it is in that reading or
 *   its notice finds the phone there.
 */
export class DriverMessages extends Context.Service<
  DriverMessages,
  {
    /** Sends a device that was just welcomed what its driver has not read. */
    readonly welcome: (driverId: string, reader: MessageReader) => void
  }
>()("dropmate/actors/messages/DriverMessages") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const registry = yield* DriverRegistry
      const inbox = yield* DriverInbox
      const readings = yield* FiberSet.make()
      const fork = yield* FiberSet.runtime(readings)()

      const devicesOf = (driverId: string): ReadonlyArray<MessageReader> => registry.find(driverId)?.devices ?? []
      const tell = (driverId: string, readers: () => ReadonlyArray<MessageReader>, messageId?: string): void =>
        void fork(
          inbox.unread(driverId, messageId).pipe(
            Effect.tapError((error) => Effect.logDebug("messages_not_read", error)),
            Effect.retry(Schedule.spaced("500 millis").pipe(Schedule.upTo({ duration: "60 seconds" }))),
            Effect.map((rows) => {
              for (const row of rows)
                for (const reader of readers()) reader.message(publicId("thread", row.thread_id), shapeOf(row))
            }),
            Effect.ignore
          )
        )
      const tellAll = (driverId: string, messageId?: string): void => {
        if (devicesOf(driverId).length > 0) tell(driverId, () => devicesOf(driverId), messageId)
      }

      yield* inbox
        .watch({
          caughtUp: () => {
            for (const { driverId } of registry.drivers()) tellAll(driverId)
          },
          noticed: (payload) => {
            const [driverId = "", messageId] = payload.split(" ")
            tellAll(driverId, messageId)
          }
        })
        .pipe(Effect.forkScoped)

      return { welcome: (driverId, reader) => tell(driverId, () => [reader]) }
    })
  )
}
