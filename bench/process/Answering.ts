/** What a bench process can be asked: names of operations and how each is answered. */
export type Operations = Record<string, (input: never) => unknown>

/** A question on the IPC channel. */
export interface Question {
  readonly id: number
  readonly operation: string
  readonly input: unknown
}

/** Its answer; `error` instead of `value` when the operation threw. */
export type Answer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: string }

/** The first thing a bench process says, once it can be asked. */
export const readyMessage = "ready"

const isQuestion = (message: unknown): message is Question =>
  typeof message === "object" && message !== null && "id" in message && "operation" in message

const say = (message: Answer | typeof readyMessage): void => {
  if (process.connected) process.send?.(message)
}

const textOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))

/** Answers the parent's questions until it hangs up, which ends the process. */
export const answer = (operations: Operations): void => {
  process.on("disconnect", () => process.exit(0))
  process.on("message", (message: unknown) => {
    if (!isQuestion(message)) return
    const { id, operation, input } = message
    const run = operations[operation]
    if (run === undefined) return say({ id, error: `no operation ${operation}` })
    Promise.resolve()
      .then(() => run(input as never))
      .then(
        (value) => say({ id, value }),
        (error: unknown) => say({ id, error: textOf(error) })
      )
  })
  say(readyMessage)
}
