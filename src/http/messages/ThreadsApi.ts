import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { defaultLimits } from "../../config/Limits.ts"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import { idempotencyHeader, idField, pageOf, pageQuery, TimeField, textField } from "../Field.ts"

/** A conversation as the API shows one. */
export const Thread = Schema.Struct({
  id: idField("thread"),
  context_type: Schema.Literal("order"),
  context_id: idField("order"),
  unread: Schema.Int,
  reads: Schema.Array(
    Schema.Struct({ role: Schema.Literals(["customer", "driver", "staff"]), read_until: TimeField })
  ).annotate({ description: "until which message others have read, by its time; only staff are told" }),
  last_message_at: Schema.NullOr(TimeField),
  created_at: TimeField
}).annotate({ identifier: "Thread" })

/** A message as the API shows one; a deleted one has no text and no attachments. */
export const Message = Schema.Struct({
  id: idField("message"),
  thread_id: idField("thread"),
  author_role: Schema.Literals(["customer", "driver", "staff", "system"]),
  text: Schema.String,
  attachments: Schema.Array(idField("file")),
  created_at: TimeField,
  deleted_at: Schema.NullOr(TimeField)
}).annotate({ identifier: "Message" })

/** What somebody writes. */
export const MessageInput = Schema.Struct({
  id: Schema.optionalKey(idField("message")),
  text: textField(1, 4_000),
  attachments: Schema.optionalKey(
    Schema.Array(idField("file")).check(Schema.isMaxLength(defaultLimits.attachmentsPerMessageMax))
  )
})

const id = { id: idField("thread") }
const everybody = { permission: "me.use", knownTo: "me.use" } as const
const context = { context_type: Schema.Literal("order"), context_id: idField("order") }

/** What the customer of an order, the driver who brings it and staff say to each other. */
export class ThreadsApi extends HttpApiGroup.make("threads")
  .add(
    HttpApiEndpoint.get("list", "/threads", { query: { ...context }, success: pageOf(Thread) })
      .annotate(Access, { permission: "me.use" })
      .annotate(OpenApi.Description, "The thread of an order, or none while nobody has opened it."),
    HttpApiEndpoint.post("open", "/threads", {
      headers: idempotencyHeader,
      payload: Schema.Struct(context),
      success: Thread.pipe(HttpApiSchema.status(201))
    })
      .annotate(Access, { permission: "me.use" })
      .annotate(OpenApi.Description, "The thread of an order, made when it is the first time."),
    HttpApiEndpoint.get("get", "/threads/:id", { params: id, success: Thread }).annotate(Access, everybody),
    HttpApiEndpoint.patch("read", "/threads/:id", {
      params: id,
      payload: Schema.Struct({ read_message_id: idField("message") }),
      success: Thread
    })
      .annotate(Access, everybody)
      .annotate(OpenApi.Description, "The caller has read up to this message; the cursor never goes back."),
    HttpApiEndpoint.get("messages", "/threads/:id/messages", {
      params: id,
      query: pageQuery,
      success: pageOf(Message)
    })
      .annotate(Access, everybody)
      .annotate(OpenApi.Description, "The oldest first."),
    HttpApiEndpoint.post("write", "/threads/:id/messages", {
      params: id,
      headers: idempotencyHeader,
      payload: MessageInput,
      success: Message.pipe(HttpApiSchema.status(201))
    })
      .annotate(Access, everybody)
      .annotate(OpenApi.Description, "With an `id` of the client's own, what is sent again is the same message."),
    HttpApiEndpoint.delete("removeMessage", "/messages/:id", {
      params: { id: idField("message") },
      success: HttpApiSchema.NoContent
    })
      .annotate(Access, everybody)
      .annotate(OpenApi.Description, "By its author or by staff.")
  )
  .middleware(Authenticated) {}
