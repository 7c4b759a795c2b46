import { Context, Effect } from "effect"
import { defaultLimits } from "../config/Limits.ts"

/** Tells a person that `label` is still going on, or has ended, `elapsedMs` after it began. */
export type ProgressSink = (label: string, elapsedMs: number, ended: boolean) => void

const toStderr: ProgressSink = (label, elapsedMs, ended) => {
  const seconds = (elapsedMs / 1000).toFixed(1)
  process.stderr.write(`dropmate: ${label}${ended ? `, ${seconds} s` : ` ... ${seconds} s so far`}\n`)
}

/** Where long steps report themselves; stderr unless replaced. */
export const Progress = Context.Reference<ProgressSink>("dropmate/embedded/Progress", { defaultValue: () => toStderr })

/** Runs `effect`; if it lasts longer than `progressAfterMs` the sink hears of it, again every `progressEveryMs`, and at its end. */
export const withProgress =
  (label: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.gen(function* () {
      const tell = yield* Progress
      const began = Date.now()
      let told = false
      const say = (ended: boolean) => {
        told = true
        tell(label, Date.now() - began, ended)
      }
      const ticker = Effect.sync(() => say(false)).pipe(
        Effect.andThen(Effect.sleep(defaultLimits.progressEveryMs)),
        Effect.forever,
        Effect.delay(defaultLimits.progressAfterMs)
      )
      yield* Effect.addFinalizer(() => Effect.sync(() => told && say(true)))
      yield* Effect.forkScoped(ticker)
      return yield* effect
    }).pipe(Effect.scoped)
