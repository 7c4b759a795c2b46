import type { LoggedEvent } from "../../../client/DeliveryRest.ts"
import type { ThreadMessage } from "../../../client/MessagesRest.ts"
import type { KnownMessage } from "../../fleet/DriverChat.ts"
import type { Finding } from "../../fleet/Violation.ts"
import type { OrderFacts } from "../OrderFacts.ts"
import type { WrittenMessage } from "../TownLedger.ts"

const invariant = "every message is there once, in the order of writing"
const untrue = "drivers hear what was written"

const isSame = (kept: ThreadMessage | undefined, { threadId, role, text }: KnownMessage): boolean =>
  kept?.thread_id === threadId && kept.author_role === role && kept.text === text

/** Each author's messages in the order of the thread, beside the order in which they were written. */
const disorder = (
  messages: ReadonlyArray<ThreadMessage>,
  written: ReadonlyMap<string, WrittenMessage>
): string | undefined => {
  const places = new Map([...written.keys()].map((id, place) => [id, place]))
  const last = new Map<string, number>()
  for (const { id } of messages) {
    const author = written.get(id)?.author ?? ""
    const place = places.get(id) ?? 0
    if (place < (last.get(author) ?? -1)) return `${id} of ${author} stands after one that was written later`
    last.set(author, place)
  }
  return undefined
}

const faults = (
  { order, messages }: OrderFacts,
  written: ReadonlyMap<string, WrittenMessage>,
  logged: number
): ReadonlyArray<string> => {
  const ids = new Set(messages.map(({ id }) => id))
  const strange = messages.filter((kept) => {
    const known = written.get(kept.id)
    return known === undefined || !isSame(kept, known.message)
  })
  const late = disorder(messages, written)
  return [
    ...(ids.size === messages.length ? [] : [`${messages.length - ids.size} are there twice`]),
    ...(logged === messages.length ? [] : [`${messages.length} in the thread of ${order.id}, ${logged} in the log`]),
    ...strange.map(({ id }) => `nobody wrote ${id} as it is`),
    ...(late === undefined ? [] : [late])
  ]
}

/** Threads that lack a message that was answered to be kept, or have one twice, out of order, or that nobody wrote. */
export const keptMessages = (
  orders: ReadonlyArray<OrderFacts>,
  written: ReadonlyMap<string, WrittenMessage>,
  log: ReadonlyArray<LoggedEvent>
): ReadonlyArray<Finding> => {
  const logged = new Map<string, number>()
  for (const { type, order_id } of log)
    if (type === "message.created") logged.set(order_id, (logged.get(order_id) ?? 0) + 1)
  const kept = new Set(orders.flatMap(({ messages }) => messages.map(({ id }) => id)))
  const lost = [...written.values()].filter(({ message, isKept }) => isKept && !kept.has(message.id))
  return [
    ...orders.flatMap((facts) =>
      faults(facts, written, logged.get(facts.order.id) ?? 0).map((seen) => ({ invariant, id: facts.order.id, seen }))
    ),
    ...lost.map(({ message, author }) => ({
      invariant,
      id: message.threadId,
      seen: `${message.id} of ${author} is gone`
    }))
  ]
}

/** What reached a driver's phone and is not in the thread, or not so. */
export const truthfulMessages = (
  orders: ReadonlyArray<OrderFacts>,
  heard: ReadonlyArray<KnownMessage>
): ReadonlyArray<Finding> => {
  const threads = new Set(orders.flatMap(({ messages }) => messages.map(({ thread_id }) => thread_id)))
  const kept = new Map(orders.flatMap(({ messages }) => messages.map((message) => [message.id, message] as const)))
  return heard
    .filter((message) => threads.has(message.threadId) && !isSame(kept.get(message.id), message))
    .map(({ id, threadId, text }) => ({ invariant: untrue, id: threadId, seen: `${id}: ${text}` }))
}
