import { Effect, Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { makeMessageWriting } from "../../actors/messages/MessageWriting.ts"
import { Limits } from "../../config/Limits.ts"
import { authorKindOf, authorRole } from "../../domain/MessageAuthor.ts"
import { isPermitted } from "../../identity/Principal.ts"
import { MessageRepo, type MessageRow, type ThreadRow } from "../../persistence/messages/MessageRepo.ts"
import { newId } from "../../persistence/NewId.ts"
import { RowAbsent } from "../../persistence/RowAbsent.ts"
import type { EventOrigin } from "../../persistence/shipments/ShipmentEventRepo.ts"
import { Api } from "../Api.ts"
import { CurrentPrincipal } from "../Authenticated.ts"
import { cursorOf } from "../Cursor.ts"
import { Idempotency } from "../Idempotency.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import { Problem } from "../Problem.ts"
import { actorOf, requestOrigin } from "../RequestOrigin.ts"
import { Message, type MessageInput, Thread } from "./ThreadsApi.ts"

const messageCursor = cursorOf("messages", Schema.Tuple([Schema.Int, Schema.String]))

const showMessage = (row: MessageRow): typeof Message.Type => ({
  id: row.id,
  thread_id: row.thread_id,
  author_role: authorRole(row.author_kind),
  text: row.body,
  attachments: row.attachments,
  created_at: row.created_at,
  deleted_at: row.deleted_at
})

const makeThreads = Effect.gen(function* () {
  const rows = yield* MessageRepo
  const writing = yield* makeMessageWriting

  /** As whom the caller has a part in an order; anybody else is told that there is no such thing. */
  const part = Effect.fnUntraced(function* (orderId: string) {
    const principal = yield* CurrentPrincipal
    const { userId, driverId, customerId } = principal
    const found = yield* rows.standing(orderId, driverId)
    const kind = authorKindOf({
      isCustomer: customerId !== undefined && found.customer_id === customerId,
      isCarrier: found.carries,
      isStaff: isPermitted(principal, "orders.read")
    })
    if (kind === undefined) return yield* new RowAbsent({ kind: "thread", id: orderId })
    const authorId = { user: userId, driver: driverId ?? "", customer: customerId ?? "" }[kind]
    return { orderId, kind, authorId, userId }
  })

  const partOfThread = (threadId: string) => Effect.flatMap(rows.orderOf(threadId), part)

  const shown = Effect.fnUntraced(function* (thread: ThreadRow) {
    const principal = yield* CurrentPrincipal
    const { userId } = principal
    const reads = isPermitted(principal, "orders.read") ? yield* rows.readsOfOthers(thread.id, userId) : []
    const shape: typeof Thread.Type = {
      id: thread.id,
      context_type: "order",
      context_id: thread.order_id,
      unread: yield* rows.countUnread(thread.id, userId),
      reads: reads.map(({ kind, read_at }) => ({ role: kind === "user" ? "staff" : kind, read_until: read_at })),
      last_message_at: thread.last_message_at,
      created_at: thread.created_at
    }
    return shape
  })

  const opened = Effect.fnUntraced(function* ({
    orderId,
    userId
  }: {
    readonly orderId: string
    readonly userId: string
  }) {
    return yield* shown(yield* writing.open(orderId, userId))
  })

  const written = Effect.fnUntraced(function* (threadId: string, input: typeof MessageInput.Type) {
    const { orderId, kind, authorId, userId } = yield* partOfThread(threadId)
    const id = input.id ?? (yield* newId)
    const attachments = input.attachments ?? []
    const asked = yield* requestOrigin
    const actor: EventOrigin["actor"] =
      kind === "driver"
        ? { kind, id: authorId }
        : kind === "customer"
          ? { kind, id: userId }
          : actorOf(yield* CurrentPrincipal)
    const message = { id, orderId, userId, authorKind: kind, authorId, body: input.text, attachments }
    return showMessage(yield* writing.write(message, { ...asked, actor }))
  })

  return { part, partOfThread, shown, opened, written }
})

/** Handlers of ThreadsApi. */
export const ThreadsHttp = HttpApiBuilder.group(
  Api,
  "threads",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const idempotency = yield* Idempotency
    const rows = yield* MessageRepo
    const { part, partOfThread, shown, opened, written } = yield* makeThreads

    return handlers.handleAll({
      list: Effect.fn("ThreadsHttp.list")(function* ({ query }) {
        const thread = part(query.context_id).pipe(Effect.flatMap(({ orderId }) => rows.threadOfOrder(orderId)))
        const data = Effect.flatMap(thread, (found) =>
          found === undefined ? Effect.succeed([]) : Effect.map(shown(found), (each) => [each])
        )
        return { data: yield* scope.run(data), next_cursor: null, has_more: false }
      }),
      open: Effect.fn("ThreadsHttp.open")(function* ({ payload }) {
        const open = Effect.flatMap(part(payload.context_id), opened)
        return yield* idempotency.once({ status: 201, success: Thread }, open)
      }),
      get: Effect.fn("ThreadsHttp.get")(function* ({ params }) {
        return yield* scope.run(Effect.flatMap(partOfThread(params.id), opened))
      }),
      read: Effect.fn("ThreadsHttp.read")(function* ({ params, payload }) {
        const read = Effect.gen(function* () {
          const own = yield* partOfThread(params.id)
          const thread = yield* opened(own)
          if (!(yield* rows.read(thread.id, own.userId, payload.read_message_id)))
            return yield* new Problem({
              code: "invalid_body",
              errors: [{ pointer: "/read_message_id", code: "not_found", detail: "names no message of the thread" }]
            })
          return yield* opened(own)
        })
        return yield* scope.run(read)
      }),
      messages: Effect.fn("ThreadsHttp.messages")(function* ({ params, query }) {
        const limit = query.limit ?? limits.listLimitDefault
        const at = yield* messageCursor.read(query.cursor)
        const after = at === undefined ? undefined : { createdAt: new Date(at[0]), id: at[1] }
        const found = Effect.gen(function* () {
          const { orderId } = yield* partOfThread(params.id)
          const thread = yield* rows.threadOfOrder(orderId)
          return thread === undefined ? [] : yield* rows.list(thread.id, after, limit + 1)
        })
        const position = (row: MessageRow): readonly [number, string] => [row.created_at.getTime(), row.id]
        return messageCursor.page(yield* scope.run(found), limit, position, showMessage)
      }),
      write: Effect.fn("ThreadsHttp.write")(function* ({ params, payload }) {
        return yield* idempotency.once({ status: 201, success: Message }, written(params.id, payload))
      }),
      removeMessage: Effect.fn("ThreadsHttp.removeMessage")(function* ({ params }) {
        const removed = Effect.gen(function* () {
          const message = yield* rows.get(params.id)
          const { authorId, kind } = yield* partOfThread(message.thread_id)
          if (message.author_id !== authorId && kind !== "user") return yield* new Problem({ code: "not_permitted" })
          yield* rows.remove(params.id)
        })
        yield* scope.run(removed)
      })
    })
  })
)
