import { Context, Effect, Layer } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { Limits } from "../../config/Limits.ts"
import type { AuthorKind } from "../../domain/MessageAuthor.ts"
import { DatabaseUrl } from "../Database.ts"
import { followNotices, type NoticeListener } from "../Notices.ts"
import { inRowScope, ScopeOfDriver } from "../RowScope.ts"

/** A message for a driver's phone. */
export interface InboxRow {
  readonly id: string
  readonly thread_id: string
  readonly author_kind: AuthorKind
  readonly body: string
  readonly attachments: ReadonlyArray<string>
  /** Unix milliseconds. */
  readonly created_ms: number
}

/** Reads what others wrote about the parcels that a driver brings. */
export class DriverInbox extends Context.Service<
  DriverInbox,
  {
    /** Messages that the driver has not read, the oldest first; with an id only that one, if it is unread. */
    readonly unread: (driverId: string, messageId?: string) => Effect.Effect<ReadonlyArray<InboxRow>, SqlError.SqlError>
    /** Tells `noticed("<driverId> <messageId>")` after each commit that added a message for a driver, on any node. Never ends. */
    readonly watch: (listener: NoticeListener) => Effect.Effect<never>
  }
>()("dropmate/persistence/shipments/DriverInbox") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const url = yield* DatabaseUrl
      const limits = yield* Limits
      const scopeOf = yield* ScopeOfDriver

      const unread = Effect.fn("DriverInbox.unread")(function* (driverId: string, messageId?: string) {
        const statement = sql<InboxRow>`SELECT m.id, m.thread_id, m.author_kind, m.body,
            round(extract(epoch FROM m.created_at) * 1000)::float8 AS created_ms,
            ARRAY(SELECT f.file_id::text FROM message_attachments f WHERE f.message_id = m.id ORDER BY f.position) AS attachments
          FROM driver_assignments a JOIN shipments s ON s.id = a.shipment_id
          JOIN message_threads t ON t.context_type = 'order' AND t.context_id = s.order_id AND t.deleted_at IS NULL
          JOIN messages m ON m.thread_id = t.id AND m.deleted_at IS NULL
          WHERE a.driver_id = ${driverId} AND a.status IN ('accepted', 'en_route', 'arrived')
            AND m.author_driver_id IS DISTINCT FROM ${driverId}::uuid
            AND (${messageId ?? null}::uuid IS NULL OR m.id = ${messageId ?? null}::uuid)
            AND m.created_at > coalesce((SELECT r.read_at FROM message_reads r JOIN drivers d ON d.user_id = r.user_id
              WHERE r.thread_id = t.id AND d.id = ${driverId}), '-infinity')
          ORDER BY m.created_at, m.id LIMIT ${limits.unreadMessagesMax}`
        return yield* Effect.provideService(inRowScope(scopeOf(driverId), statement), SqlClient.SqlClient, sql)
      })

      return { unread, watch: (listener) => followNotices(url, "dropmate_messages", listener) }
    })
  )
}
