import type { Frame } from "../protocol/FrameCodec.ts"
import type { ClientClock } from "./ClientClock.ts"
import { CommandLog } from "./CommandLog.ts"
import type { DriverConnection } from "./DriverConnection.ts"
import type { CommandResult } from "./DriverEvents.ts"
import type { DriverStopped } from "./DriverStopped.ts"
import type { DriverCommand } from "./DriverStore.ts"
import { isFields, textOr } from "./ServerFrames.ts"

/** Unanswered commands are sent again after this; transient answers after a tenth of it. */
const commandAgainMs = 20_000

/** A driver's commands on the wire: sent at once, on each new connection, and again while the answer stays away. */
export class CommandSender {
  readonly log = new CommandLog()
  private readonly connection: DriverConnection
  private readonly clock: ClientClock
  private nextAtMs = Number.POSITIVE_INFINITY

  constructor(connection: DriverConnection, clock: ClientClock) {
    this.connection = connection
    this.clock = clock
  }

  /** When `sendAll` should be called without any other reason; monotonic milliseconds or infinity. */
  get dueAtMs(): number {
    return this.nextAtMs
  }

  /** Sends a command; the promise settles with its RESULT, or fails with `DriverStopped`. */
  give(command: DriverCommand): Promise<CommandResult> {
    const result = this.log.give(command)
    if (this.connection.isLive) {
      this.connection.send(command.frame)
      this.nextAtMs = Math.min(this.nextAtMs, this.clock.monotonicMs() + commandAgainMs)
      this.connection.arm()
    }
    return result
  }

  /** Sends whatever is not answered, oldest first. */
  sendAll(): void {
    this.nextAtMs = Number.POSITIVE_INFINITY
    if (this.log.size === 0) return
    for (const command of this.log.commands) this.connection.send(command.frame)
    this.nextAtMs = this.clock.monotonicMs() + commandAgainMs
  }

  /** Takes a RESULT. Returns it when it is final and was awaited. */
  answered(frame: Frame): CommandResult | undefined {
    const result: CommandResult = {
      commandId: textOr(frame[1], ""),
      ok: frame[2] === true,
      detail: isFields(frame[3]) ? frame[3] : undefined
    }
    const outcome = this.log.answer(result)
    if (outcome === "again") {
      this.nextAtMs = Math.min(this.nextAtMs, this.clock.monotonicMs() + commandAgainMs / 10)
    }
    if (outcome !== "settled") return undefined
    if (this.log.size === 0) this.nextAtMs = Number.POSITIVE_INFINITY
    return result
  }

  /** The connection is gone: the next one sends everything anyway. */
  disconnect(): void {
    this.nextAtMs = Number.POSITIVE_INFINITY
  }

  /** Nobody will answer any more. */
  abandon(cause: DriverStopped): void {
    this.log.abandon(cause)
  }
}
