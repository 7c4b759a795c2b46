import type { DriverClient } from "../../client/DriverClient.ts"
import type { MessagesRest, ThreadMessage } from "../../client/MessagesRest.ts"
import { Problem, ServerUnreachable } from "../../client/Problem.ts"
import { pause } from "./ClientFleet.ts"

/** A message as whoever wrote or heard it knows it. */
export interface KnownMessage {
  readonly id: string
  readonly threadId: string
  readonly role: ThreadMessage["author_role"]
  readonly text: string
}

/** What a driver's messages are made of. */
export interface DriverChatParts {
  readonly client: DriverClient
  /** With the driver's own token. */
  readonly rest: MessagesRest
  /** Gives up what is not written. */
  readonly signal: AbortSignal
}

/** `tried`: it is on its way; `written`: the server answered to have kept it; `heard`: it reached this driver's phone. */
export type MessageNews = "tried" | "written" | "heard"

/** Hears what becomes of messages that this driver writes, and of those for this driver. */
export type ChatListener = (message: KnownMessage, news: MessageNews) => void

const againMs = 500

/** One simulated driver's words to customers and the desk: a greeting, and an answer to whatever is written to them. */
export class DriverChat {
  private readonly parts: DriverChatParts
  private readonly heard = new Set<string>()
  private readonly listeners = new Set<ChatListener>()
  /** One after the other, so that their order is known. */
  private last: Promise<void> = Promise.resolve()
  private refusal: string | undefined

  constructor(parts: DriverChatParts) {
    this.parts = parts
    parts.client.on("message", ({ threadId, message }) => this.hear(threadId, message))
  }

  /** Why the server did not want a message; undefined while it took each. */
  get refused(): string | undefined {
    return this.refusal
  }

  listen(listener: ChatListener): void {
    this.listeners.add(listener)
  }

  /** Writes when the phone has network, and unless the parcel is another's by then. */
  say(threadId: string, text: string): void {
    const message = { id: `msg_${crypto.randomUUID()}`, text }
    this.queue(async () => {
      this.tell({ ...message, threadId, role: "driver" }, "tried")
      await this.parts.rest.write(threadId, message)
      this.tell({ ...message, threadId, role: "driver" }, "written")
    })
  }

  private hear(threadId: string, { message_id: id, author_role, text }: Readonly<Record<string, unknown>>): void {
    const role = author_role === "customer" || author_role === "staff" ? author_role : undefined
    if (typeof id !== "string" || typeof text !== "string") {
      this.refusal = "a message without its id or its text"
      return
    }
    // Whatever is unread is told again after each welcome.
    if (role === undefined || this.heard.has(id)) return
    this.heard.add(id)
    this.tell({ id, threadId, role, text }, "heard")
    this.queue(() => this.parts.rest.readUpTo(threadId, id))
    this.say(threadId, `Read by your driver: ${text}`)
  }

  private queue(work: () => Promise<void>): void {
    this.last = this.last
      .then(() => this.persist(work))
      .catch((cause: unknown) => {
        // 404: another driver has the parcel, and with it the thread.
        const isLost = cause instanceof Problem && cause.status === 404
        if (!isLost && !this.parts.signal.aborted) this.refusal = cause instanceof Error ? cause.message : String(cause)
      })
  }

  private async persist(work: () => Promise<void>): Promise<void> {
    const { client, signal } = this.parts
    for (;;) {
      while (client.state !== "live") await pause(againMs, signal)
      try {
        return await work()
      } catch (cause) {
        if (!(cause instanceof ServerUnreachable) && !(cause instanceof Problem && cause.isRetryable)) throw cause
      }
      await pause(againMs, signal)
    }
  }

  private tell(message: KnownMessage, news: MessageNews): void {
    for (const listener of this.listeners) listener(message, news)
  }
}
