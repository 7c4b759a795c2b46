import type { CommandResult } from "./DriverEvents.ts"
import type { DriverCommand } from "./DriverStore.ts"

/** Answers that say "ask again", never stored by the server (02-protocol, section 2, "Tasks"). */
const transientCodes: ReadonlySet<unknown> = new Set(["database_unavailable", "busy"])

/** The commands that are not answered yet, in the order they were given, and who waits for the answers. */
export class CommandLog {
  private readonly pending = new Map<string, DriverCommand>()
  private readonly waiters = new Map<
    string,
    { answer: (result: CommandResult) => void; fail: (cause: Error) => void }
  >()

  get size(): number {
    return this.pending.size
  }

  /** Oldest first. */
  get commands(): Iterable<DriverCommand> {
    return this.pending.values()
  }

  restore(command: DriverCommand): void {
    this.pending.set(command.commandId, command)
  }

  /** Keeps a command; the promise settles with its RESULT, or fails when the client stops before. */
  give(command: DriverCommand): Promise<CommandResult> {
    this.pending.set(command.commandId, command)
    return new Promise((answer, fail) => this.waiters.set(command.commandId, { answer, fail }))
  }

  /** Takes a RESULT. `settled`: final; `again`: the server could not decide now; `unknown`: not one of ours, or answered before. */
  answer(result: CommandResult): "settled" | "again" | "unknown" {
    if (!this.pending.has(result.commandId)) return "unknown"
    if (!result.ok && transientCodes.has(result.detail?.code)) return "again"
    this.pending.delete(result.commandId)
    this.waiters.get(result.commandId)?.answer(result)
    this.waiters.delete(result.commandId)
    return "settled"
  }

  /** The client stops: nobody will answer those who wait. The commands themselves stay in the store. */
  abandon(cause: Error): void {
    for (const waiter of this.waiters.values()) waiter.fail(cause)
    this.waiters.clear()
  }
}
