import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { AuthorKind } from "../../domain/MessageAuthor.ts"
import { theRow } from "../RowAbsent.ts"

/** A conversation about an order. */
export interface ThreadRow {
  readonly id: string
  readonly order_id: string
  readonly created_at: Date
  readonly last_message_at: Date | null
}

/** One message. `body` is empty once it was deleted. */
export interface MessageRow {
  readonly id: string
  readonly thread_id: string
  readonly author_kind: AuthorKind
  readonly author_id: string | null
  readonly body: string
  readonly attachments: ReadonlyArray<string>
  readonly created_at: Date
  readonly deleted_at: Date | null
}

/** A message to keep. */
export interface NewMessage {
  readonly id: string
  readonly threadId: string
  readonly authorKind: Exclude<AuthorKind, "system">
  /** Of the user, the driver or the customer. */
  readonly authorId: string
  readonly body: string
  readonly attachments: ReadonlyArray<string>
}

/** Where a list of messages goes on: after this one. */
export interface MessagePosition {
  readonly createdAt: Date
  readonly id: string
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const threadColumns = sql`t.id, t.context_id AS order_id, t.created_at, t.last_message_at`
  const columns = sql`m.id, m.thread_id, m.author_kind, coalesce(m.author_user_id, m.author_driver_id, m.author_customer_id) AS author_id,
    CASE WHEN m.deleted_at IS NULL THEN m.body ELSE '' END AS body, date_trunc('milliseconds', m.created_at) AS created_at, m.deleted_at,
    ARRAY(SELECT a.file_id::text FROM message_attachments a WHERE a.message_id = m.id AND m.deleted_at IS NULL ORDER BY a.position) AS attachments`

  /** What somebody has to do with an order; RowAbsent when there is none that they may see. */
  const standing = Effect.fn("MessageRepo.standing")(function* (orderId: string, driverId: string | undefined) {
    const rows = yield* sql<{ readonly customer_id: string | null; readonly carries: boolean }>`SELECT o.customer_id,
        EXISTS (SELECT FROM shipments s JOIN driver_assignments a ON a.shipment_id = s.id
          WHERE s.order_id = o.id AND a.driver_id = ${driverId ?? null}::uuid AND a.status IN ('accepted', 'en_route', 'arrived')) AS carries
      FROM orders o WHERE o.id = ${orderId}`
    return yield* theRow("order", orderId, rows)
  })

  const threadOfOrder = Effect.fn("MessageRepo.threadOfOrder")(function* (orderId: string) {
    const rows = yield* sql<ThreadRow>`SELECT ${threadColumns} FROM message_threads t
      WHERE t.context_type = 'order' AND t.context_id = ${orderId} AND t.deleted_at IS NULL ORDER BY t.created_at LIMIT 1`
    return rows[0]
  })

  /** The order that a thread is about. A thread that nobody has used yet has its order's id. */
  const orderOf = Effect.fn("MessageRepo.orderOf")(function* (threadId: string) {
    const rows = yield* sql<{ readonly order_id: string }>`SELECT t.context_id AS order_id FROM message_threads t
      WHERE t.id = ${threadId} AND t.context_type = 'order' AND t.deleted_at IS NULL`
    return rows[0]?.order_id ?? threadId
  })

  /** Makes an order's thread, if it has none. */
  const makeThread = (orderId: string, createdBy: string) =>
    Effect.asVoid(sql`INSERT INTO message_threads (id, context_type, context_id, channel, created_by)
      SELECT o.id, 'order', o.id, o.source_channel::text::message_channel, ${createdBy}::uuid FROM orders o
      WHERE o.id = ${orderId}
        AND NOT EXISTS (SELECT FROM message_threads t WHERE t.context_type = 'order' AND t.context_id = o.id AND t.deleted_at IS NULL)
      ON CONFLICT DO NOTHING`)

  const get = Effect.fn("MessageRepo.get")(function* (id: string) {
    const rows = yield* sql<MessageRow>`SELECT ${columns} FROM messages m WHERE m.id = ${id}`
    return yield* theRow("message", id, rows)
  })

  /**
   * Keeps a message, unless there is one with its id; says whether it is new. The caller holds the order's row, so that messages of a
   * thread are committed in the order of their times.
   */
  const insert = Effect.fn("MessageRepo.insert")(function* (message: NewMessage) {
    const { authorKind, authorId } = message
    const made =
      yield* sql`INSERT INTO messages (id, thread_id, author_user_id, author_driver_id, author_customer_id, body, created_at)
      VALUES (${message.id}, ${message.threadId}, ${authorKind === "user" ? authorId : null}, ${authorKind === "driver" ? authorId : null},
        ${authorKind === "customer" ? authorId : null}, ${message.body}, clock_timestamp())
      ON CONFLICT (id) DO NOTHING RETURNING 1`
    if (made.length === 0) return false
    yield* sql`INSERT INTO message_attachments (message_id, position, file_id)
      SELECT ${message.id}::uuid, f.position, f.id::uuid
      FROM jsonb_array_elements_text(${JSON.stringify(message.attachments)}::text::jsonb) WITH ORDINALITY AS f(id, position)`
    return true
  })

  /** Messages of a thread, the oldest first. */
  const list = Effect.fn("MessageRepo.list")(function* (
    threadId: string,
    after: MessagePosition | undefined,
    limit: number
  ) {
    return yield* sql<MessageRow>`SELECT ${columns} FROM messages m WHERE m.thread_id = ${threadId}
        AND (${after === undefined}::boolean OR (date_trunc('milliseconds', m.created_at), m.id)
          > (${after?.createdAt ?? null}::timestamptz, ${after?.id ?? null}::uuid))
      ORDER BY date_trunc('milliseconds', m.created_at), m.id LIMIT ${limit}`
  })

  return { standing, threadOfOrder, orderOf, makeThread, get, insert, list, ...(yield* makeMessageReads) }
})

const makeMessageReads = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  /** A reader has read up to a message of a thread; the cursor never goes back. Says whether there is such a message. */
  const read = Effect.fn("MessageRepo.read")(function* (threadId: string, userId: string, messageId: string) {
    const rows = yield* sql`INSERT INTO message_reads AS r (thread_id, user_id, read_at)
      SELECT m.thread_id, ${userId}::uuid, m.created_at FROM messages m WHERE m.id = ${messageId} AND m.thread_id = ${threadId}
      ON CONFLICT (thread_id, user_id) DO UPDATE SET read_at = greatest(r.read_at, excluded.read_at) RETURNING 1`
    return rows.length > 0
  })

  /** How many messages of others somebody has not read. */
  const countUnread = Effect.fn("MessageRepo.countUnread")(function* (threadId: string, userId: string) {
    const rows = yield* sql<{ readonly unread: number }>`SELECT count(*)::integer AS unread FROM messages m
      WHERE m.thread_id = ${threadId} AND m.deleted_at IS NULL
        AND m.author_user_id IS DISTINCT FROM ${userId}::uuid
        AND NOT EXISTS (SELECT FROM drivers d WHERE d.id = m.author_driver_id AND d.user_id = ${userId}::uuid)
        AND NOT EXISTS (SELECT FROM customers c WHERE c.id = m.author_customer_id AND c.user_id = ${userId}::uuid)
        AND m.created_at > coalesce((SELECT r.read_at FROM message_reads r WHERE r.thread_id = ${threadId} AND r.user_id = ${userId}::uuid),
          '-infinity')`
    return rows[0]?.unread ?? 0
  })

  /** Until when others than somebody have read, by what they are to the order. Row security shows all of it to staff alone. */
  const readsOfOthers = Effect.fn("MessageRepo.readsOfOthers")(function* (threadId: string, userId: string) {
    return yield* sql<{ readonly kind: Exclude<AuthorKind, "system">; readonly read_at: Date }>`SELECT x.kind,
        max(x.read_at) AS read_at
      FROM (SELECT r.read_at, CASE
          WHEN EXISTS (SELECT FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = t.context_id AND c.user_id = r.user_id)
            THEN 'customer'
          WHEN EXISTS (SELECT FROM drivers d WHERE d.user_id = r.user_id) THEN 'driver' ELSE 'user' END AS kind
        FROM message_reads r JOIN message_threads t ON t.id = r.thread_id
        WHERE r.thread_id = ${threadId} AND r.user_id <> ${userId}::uuid) x
      GROUP BY x.kind ORDER BY x.kind`
  })

  /** Takes a message's words and pictures out of sight. */
  const remove = (id: string) =>
    Effect.asVoid(sql`UPDATE messages SET deleted_at = coalesce(deleted_at, now()) WHERE id = ${id}`)

  return { read, countUnread, readsOfOthers, remove }
})

/** Keeps what people say to each other about an order. */
export class MessageRepo extends Context.Service<MessageRepo>()("dropmate/persistence/messages/MessageRepo", { make }) {
  static readonly layer = Layer.effect(this, this.make)
}
