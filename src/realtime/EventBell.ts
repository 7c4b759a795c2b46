import { Context, Duration, Effect, Layer } from "effect"
import { Limits } from "../config/Limits.ts"
import { DatabaseUrl } from "../persistence/Database.ts"
import { followNotices } from "../persistence/Notices.ts"

/** The doorbell of the public event log on this node: one connection to PostgreSQL for all who wait for the next event. */
export class EventBell extends Context.Service<
  EventBell,
  {
    /** How often it has rung. Look before reading the log, so that no ring between reading and waiting is missed. */
    readonly rings: () => number
    /**
     * Waits until it has rung more often than `rings`, at most `ms`. At once when too many wait already (`eventsWaitersMax`), or when the
     * node is about to stop. Says whether waiting again makes sense.
     */
    readonly wait: (rings: number, ms: number) => Effect.Effect<boolean>
    /** Lets everybody go. */
    readonly drain: () => void
  }
>()("dropmate/realtime/EventBell") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const url = yield* DatabaseUrl
      const limits = yield* Limits
      const waiting = new Set<() => void>()
      let rings = 0
      let isDraining = false
      const ring = (): void => {
        rings++
        for (const wake of [...waiting]) wake()
      }
      yield* Effect.forkScoped(followNotices(url, "dropmate_events", { caughtUp: ring, noticed: ring }))
      const rung = Effect.callback<void>((resume) => {
        const wake = (): void => {
          waiting.delete(wake)
          resume(Effect.void)
        }
        waiting.add(wake)
        return Effect.sync(() => void waiting.delete(wake))
      })
      return {
        rings: () => rings,
        wait: (seen, ms) =>
          Effect.suspend(() => {
            if (isDraining || waiting.size >= limits.eventsWaitersMax) return Effect.succeed(false)
            if (rings > seen) return Effect.succeed(true)
            return rung.pipe(
              Effect.timeoutOption(Duration.millis(ms)),
              Effect.map(() => !isDraining)
            )
          }),
        drain: () => {
          isDraining = true
          ring()
        }
      }
    })
  )
}
