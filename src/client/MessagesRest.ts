import type { Page, RestClient } from "./RestClient.ts"

/** What somebody wrote about an order; a message that was taken back has no text. */
export interface ThreadMessage {
  readonly id: string
  readonly thread_id: string
  readonly author_role: "customer" | "driver" | "staff" | "system"
  readonly text: string
  /** Ids of files. */
  readonly attachments: ReadonlyArray<string>
  readonly created_at: string
  readonly deleted_at: string | null
}

/** A message to write. `id` is the app's own (`msg_` and a UUID), so that one that is sent again is the same. */
export interface NewMessage {
  readonly id: string
  readonly text: string
  readonly attachments?: ReadonlyArray<string>
}

/** The thread of an order over REST; TASKS names it (`contact.thread_id`). */
export class MessagesRest {
  private readonly rest: RestClient

  constructor(rest: RestClient) {
    this.rest = rest
  }

  /** The id of an order's thread, which is made when it is the first time. */
  async threadOf(orderId: string): Promise<string> {
    const context = { context_type: "order", context_id: orderId }
    return (await this.rest.post<{ readonly id: string }>("/v1/threads", context)).id
  }

  /** The oldest first. */
  messages(threadId: string, cursor?: string): Promise<Page<ThreadMessage>> {
    return this.rest.get(`/v1/threads/${encodeURIComponent(threadId)}/messages`, { cursor })
  }

  write(threadId: string, message: NewMessage): Promise<ThreadMessage> {
    return this.rest.post(`/v1/threads/${encodeURIComponent(threadId)}/messages`, message)
  }

  /** What was read does not come with the next welcome. */
  async readUpTo(threadId: string, messageId: string): Promise<void> {
    await this.rest.patch(`/v1/threads/${encodeURIComponent(threadId)}`, { read_message_id: messageId })
  }
}
