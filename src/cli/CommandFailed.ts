import { Data } from "effect"

/** A command could not do what it was asked for. The message is the one line that the person at the terminal gets. */
export class CommandFailed extends Data.TaggedError("CommandFailed")<{
  readonly message: string
  readonly cause?: unknown
}> {}

/** Any failure as a `CommandFailed` that says what it was about. */
export const commandFailed = (cause: unknown): CommandFailed => {
  if (cause instanceof CommandFailed) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  return new CommandFailed({ message: message === "" ? String(cause) : message, cause })
}
