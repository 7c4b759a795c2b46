import { Duration, Effect, type Scope } from "effect"
import type { Limits } from "../config/Limits.ts"
import type { DriverSessionRepo } from "../persistence/drivers/DriverSessionRepo.ts"

/** Writes down, in batches and behind the sockets, which sessions ended and which are alive. */
export interface SessionLog {
  readonly ended: (sessionId: string, code: number) => void
  /** Writes what has not been written yet. */
  readonly flush: Effect.Effect<void>
}

/** `alive` names the connected sessions. With PostgreSQL away ends are kept; there are no more of them than sessions. */
export const makeSessionLog = (
  repo: DriverSessionRepo["Service"],
  alive: () => ReadonlyArray<string>,
  limits: Limits
): Effect.Effect<SessionLog, never, Scope.Scope> =>
  Effect.gen(function* () {
    let ends: Array<{ readonly sessionId: string; readonly code: number }> = []
    const flush = Effect.suspend(() => {
      if (ends.length === 0) return Effect.void
      const batch = ends
      ends = []
      return repo.end(batch).pipe(
        Effect.catch((error) =>
          Effect.andThen(
            Effect.logDebug("session_ends_kept", error),
            Effect.sync(() => {
              ends = batch.concat(ends)
            })
          )
        )
      )
    })
    const touch = Effect.suspend(() => {
      const ids = alive()
      return ids.length === 0 ? Effect.void : Effect.ignore(repo.touch(ids))
    })
    yield* flush.pipe(Effect.delay("1 second"), Effect.forever, Effect.forkScoped)
    yield* touch.pipe(Effect.delay(Duration.millis(limits.sessionTouchMs)), Effect.forever, Effect.forkScoped)
    return { ended: (sessionId, code) => void ends.push({ sessionId, code }), flush }
  })
