import { useRef, useState } from "react"
import type { Session } from "../fleet/Session.ts"
import { isUndecided, problemWords } from "./ProblemWords.ts"

/** What was begun and not sent, by order: closing the panel loses nothing. */
const drafts = new Map<string, string>()

/** A message that is being written. */
export interface Message {
  readonly text: string
  readonly write: (text: string) => void
  readonly isBusy: boolean
  readonly problem: string | undefined
  readonly send: () => Promise<void>
}

/**
 * What is written in an order's thread; the first message opens it. A message without a decided answer keeps its Idempotency-Key: sent again
 * it is there once. Its words stay until the server has them.
 */
export const useMessage = (
  session: Session,
  orderId: string,
  threadId: string | undefined,
  onSent: () => void
): Message => {
  const [text, setText] = useState(drafts.get(orderId) ?? "")
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string>()
  const isSending = useRef(false)
  const sent = useRef({ words: "", key: "" })
  const write = (to: string): void => {
    if (to === "") drafts.delete(orderId)
    else drafts.set(orderId, to)
    setText(to)
  }
  const send = async (): Promise<void> => {
    const words = text.trim()
    // What is asked twice before it is drawn anew is asked once.
    if (words === "" || isSending.current) return
    if (sent.current.words !== words) sent.current = { words, key: crypto.randomUUID() }
    isSending.current = true
    setBusy(true)
    setProblem(undefined)
    const { rest } = session
    try {
      const context = { context_type: "order", context_id: orderId }
      const id = threadId ?? (await rest.post<{ readonly id: string }>("/v1/threads", context)).id
      await rest.post(`/v1/threads/${id}/messages`, { text: words }, sent.current.key)
      sent.current = { words: "", key: "" }
      write("")
      onSent()
    } catch (cause) {
      if (!isUndecided(cause)) sent.current = { words: "", key: "" }
      setProblem(problemWords(cause))
    } finally {
      isSending.current = false
      setBusy(false)
    }
  }
  return { text, write, isBusy, problem, send }
}
