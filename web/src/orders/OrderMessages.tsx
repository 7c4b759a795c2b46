import { type KeyboardEvent, type RefObject, useEffect, useRef, useState } from "react"
import type { Session } from "../fleet/Session.ts"
import { FileButton } from "./FileButton.tsx"
import { momentWords } from "./Lateness.ts"
import type { OrderAnswer } from "./OrderAnswer.ts"
import type { MessageAnswer, ThreadView } from "./OrderView.ts"
import { useMessage } from "./useMessage.ts"

interface OrderMessagesProps {
  readonly session: Session
  readonly order: OrderAnswer
  readonly thread: ThreadView
  readonly nowMs: number
  readonly onChanged: () => void
}

/** What the API takes. */
const textCharsMax = 4_000
/** Of a longer conversation the rest is shown when it is asked for. */
const shownMax = 8

const authors: Readonly<Record<string, string>> = {
  customer: "Customer",
  driver: "Driver",
  staff: "Staff",
  system: "System"
}

/** Tells the server, once they are on the screen, that they were read; gives how many were new then. */
const useReading = (
  { session, thread }: OrderMessagesProps,
  list: RefObject<HTMLElement | null>
): { readonly fresh: number; readonly forget: () => void } => {
  const [fresh, setFresh] = useState(0)
  const last = thread.messages.at(-1)?.id
  const { id, unread } = thread
  useEffect(() => {
    const element = list.current
    if (element === null || id === undefined || last === undefined || unread === 0) return
    const watch = new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return
      watch.disconnect()
      setFresh(unread)
      // Not told, they count as new again the next time: nothing is lost by it.
      session.rest.patch(`/v1/threads/${id}`, { read_message_id: last }).catch(() => undefined)
    })
    watch.observe(element)
    return () => watch.disconnect()
  }, [session, list, id, last, unread])
  return { fresh: Math.max(fresh, unread), forget: () => setFresh(0) }
}

/** Who else has read a message that staff wrote: said once, under the newest that they have. */
const readersOf = ({ messages, reads }: ThreadView): ReadonlyMap<string, string> => {
  const own = messages.filter((message) => message.author_role === "staff")
  const readers = new Map<string, Array<string>>()
  for (const { role, read_until } of reads) {
    const newest = role === "staff" ? undefined : own.findLast((message) => message.created_at <= read_until)
    if (newest !== undefined) readers.set(newest.id, [...(readers.get(newest.id) ?? []), `the ${role}`])
  }
  return new Map([...readers].map(([id, names]) => [id, `Read by ${names.join(" and ")}`]))
}

/** What the customer, the driver and staff say to each other about the order, and a place to answer. */
export const OrderMessages = (props: OrderMessagesProps) => {
  const { thread, session, nowMs } = props
  const [isWhole, setWhole] = useState(false)
  const newest = useRef<HTMLDivElement>(null)
  const { fresh, forget } = useReading(props, newest)
  const readers = readersOf(thread)
  const shown = isWhole ? thread.messages : thread.messages.slice(-shownMax)
  const hidden = thread.messages.length - shown.length
  return (
    <section className="order-messages" aria-labelledby="order-messages">
      <h3 id="order-messages" className="section-title">
        Messages {fresh === 0 ? null : <span className="messages-new">{fresh} new</span>}
      </h3>
      {hidden === 0 ? null : (
        <button type="button" className="button button-small" onClick={() => setWhole(true)}>
          Show {hidden} earlier
        </button>
      )}
      <div role="log" aria-labelledby="order-messages">
        {shown.length === 0 ? (
          <p className="muted">Nobody has written yet.</p>
        ) : (
          <ol className="messages">
            {shown.map((message) => (
              <Shown key={message.id} session={session} message={message} readers={readers} nowMs={nowMs} />
            ))}
          </ol>
        )}
        <div ref={newest} />
      </div>
      <Writing
        {...props}
        onChanged={() => {
          // Whoever answers has seen what was new.
          forget()
          props.onChanged()
        }}
      />
    </section>
  )
}

interface ShownProps {
  readonly session: Session
  readonly message: MessageAnswer
  readonly readers: ReadonlyMap<string, string>
  readonly nowMs: number
}

const Shown = ({ session, message, readers, nowMs }: ShownProps) => {
  const read = readers.get(message.id)
  return (
    <li className={message.author_role === "staff" ? "message message-staff" : "message"}>
      <p className="message-head">
        <strong>{authors[message.author_role] ?? message.author_role}</strong>
        <time className="muted" dateTime={message.created_at}>
          {momentWords(Date.parse(message.created_at), nowMs)}
        </time>
      </p>
      {message.deleted_at === null ? (
        <p className="message-text">{message.text}</p>
      ) : (
        <p className="muted">This message was deleted.</p>
      )}
      {message.attachments.map((fileId, i) => (
        <FileButton key={fileId} session={session} fileId={fileId} label={`Open attachment ${i + 1}`} />
      ))}
      {read === undefined ? null : <p className="message-read muted">{read}</p>}
    </li>
  )
}

const Writing = ({ session, order, thread, onChanged }: OrderMessagesProps) => {
  const field = useRef<HTMLTextAreaElement>(null)
  const message = useMessage(session, order.id, thread.id, onChanged)
  const pressed = (event: KeyboardEvent): void => {
    // Enter also ends what an input method composes.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    void message.send()
  }
  return (
    <form
      className="message-form"
      onSubmit={(event) => {
        event.preventDefault()
        void message.send()
        field.current?.focus()
      }}
    >
      <label className="field">
        {order.customer_id === null ? "Write to the driver" : "Write to the customer and the driver"}
        <textarea
          ref={field}
          className="input message-field"
          name="message"
          rows={2}
          maxLength={textCharsMax}
          enterKeyHint="send"
          aria-describedby="message-keys"
          readOnly={message.isBusy}
          value={message.text}
          onChange={(event) => message.write(event.target.value)}
          onKeyDown={pressed}
        />
      </label>
      <div role="alert">
        {message.problem === undefined ? null : <p className="notice notice-danger">{message.problem}</p>}
      </div>
      <div className="message-send">
        <p id="message-keys" className="muted">
          Enter sends, Shift+Enter begins a line.
          {order.customer_id === null ? " The customer is a guest, who reads nothing here." : ""}
        </p>
        <button
          type="submit"
          className="button button-small button-primary"
          disabled={message.isBusy || message.text.trim() === ""}
        >
          {message.isBusy ? "Sending" : "Send"}
        </button>
      </div>
    </form>
  )
}
