import { Cause, Clock, Duration, Effect, Metric, Queue } from "effect"
import type { Limits } from "../../config/Limits.ts"
import { Crashes } from "../shipments/Crashes.ts"

const restarts = Metric.counter("dropmate_driver_actor_restarts_total", {
  incremental: true,
  description: "Driver fibers restarted after a defect"
})
const parked = Metric.counter("dropmate_driver_actor_parked_total", {
  incremental: true,
  description: "Driver fibers parked after repeated defects"
})

/**
 * The waiting side of a driver actor: a bounded mailbox and the fiber that works on it, one command at a time. A defect in a
 * command is answered by `crashed`, counted, and leaves the others alone; a driver that crashes again and again is parked,
 * so that one poisoned phone cannot keep a node busy.
 */
export class DriverMailbox<Command = unknown> {
  private readonly queue: Queue.Queue<Command>
  private readonly limits: Limits
  private readonly crashes: Crashes
  /** Commands waiting or being worked on. */
  pending = 0

  constructor(queue: Queue.Queue<Command>, limits: Limits) {
    this.queue = queue
    this.limits = limits
    const { driverRestartsPerMinuteMax: restartsPerMinuteMax, driverParkedMs: parkedMs } = limits
    this.crashes = new Crashes({ restartsPerMinuteMax, parkedMs })
  }

  static readonly make = <Command>(limits: Limits): DriverMailbox<Command> =>
    new DriverMailbox(Effect.runSync(Queue.dropping<Command>(limits.driverMailboxMax)), limits)

  /** Puts a command in. False when the mailbox is full, or parked after crashes: the answer is "busy", at once. */
  offer(command: Command, now: number): boolean {
    if (this.crashes.isParked(now) || !Queue.offerUnsafe(this.queue, command)) return false
    this.pending++
    return true
  }

  /** Works for ever; interrupting it passivates the actor. */
  run(handle: (command: Command) => Effect.Effect<void>, crashed: (command: Command) => void): Effect.Effect<never> {
    return Queue.take(this.queue).pipe(
      Effect.flatMap((command) =>
        handle(command).pipe(
          Effect.catchCause((cause) =>
            Cause.hasInterruptsOnly(cause) ? Effect.failCause(cause) : this.crash(command, cause, crashed)
          ),
          Effect.ensuring(Effect.sync(() => this.pending--))
        )
      ),
      Effect.orDie,
      Effect.forever
    )
  }

  private crash(
    command: Command,
    cause: Cause.Cause<unknown>,
    crashed: (command: Command) => void
  ): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const now = yield* Clock.currentTimeMillis
      crashed(command)
      yield* Metric.update(restarts, 1)
      if (!this.crashes.note(now)) return yield* Effect.logError("driver_actor_restarted", cause)
      yield* Metric.update(parked, 1)
      yield* Effect.logError("driver_actor_parked", Duration.format(Duration.millis(this.limits.driverParkedMs)), cause)
    })
  }
}
