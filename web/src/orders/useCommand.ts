import { useRef, useState } from "react"
import type { Session } from "../fleet/Session.ts"
import { isUndecided, problemWords } from "./ProblemWords.ts"

/** A command under way, or what became of the last one. */
export interface Command {
  /** What is being done; undefined while nothing is. */
  readonly busy: string | undefined
  readonly problem: string | undefined
  /** Does it, and gives the server's answer; undefined when it was refused or nobody knows. */
  readonly run: <A>(name: string, path: string, body: unknown) => Promise<A | undefined>
  readonly forget: () => void
}

/**
 * Sends commands, one at a time. A command that got no decided answer keeps its Idempotency-Key: sent again it is done once, whether the
 * first try reached the server or not.
 */
export const useCommand = (session: Session, onDecided: () => void): Command => {
  const [busy, setBusy] = useState<string>()
  const [problem, setProblem] = useState<string>()
  const keys = useRef(new Map<string, string>())
  const run = async <A>(name: string, path: string, body: unknown): Promise<A | undefined> => {
    if (busy !== undefined) return undefined
    const content = `${path} ${JSON.stringify(body)}`
    const key = keys.current.get(content) ?? crypto.randomUUID()
    keys.current.set(content, key)
    setBusy(name)
    setProblem(undefined)
    try {
      const answer = await session.rest.post<A>(path, body, key)
      keys.current.delete(content)
      onDecided()
      return answer
    } catch (cause) {
      if (!isUndecided(cause)) {
        keys.current.delete(content)
        onDecided()
      }
      setProblem(problemWords(cause))
      return undefined
    } finally {
      setBusy(undefined)
    }
  }
  return { busy, problem, run, forget: () => setProblem(undefined) }
}
