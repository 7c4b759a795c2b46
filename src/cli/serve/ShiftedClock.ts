import { Clock, Effect, Layer } from "effect"

/**
 * The machine's clock, `offsetMs` ahead (negative: behind): midnight can be tried at any hour. Waiting and monotonic time stay as they
 * are. PostgreSQL's own clock is not moved.
 */
export const shiftedClock = (offsetMs: number): Layer.Layer<never> => {
  if (offsetMs === 0) return Layer.empty
  return Layer.effect(
    Clock.Clock,
    Effect.map(Clock.Clock, (machine): Clock.Clock => {
      const millis = (): number => machine.currentTimeMillisUnsafe() + offsetMs
      const nanos = (): bigint => machine.currentTimeNanosUnsafe() + BigInt(offsetMs) * 1_000_000n
      return {
        currentTimeMillisUnsafe: millis,
        currentTimeMillis: Effect.sync(millis),
        currentTimeNanosUnsafe: nanos,
        currentTimeNanos: Effect.sync(nanos),
        monotonicTimeNanosUnsafe: () => machine.monotonicTimeNanosUnsafe(),
        monotonicTimeNanos: machine.monotonicTimeNanos,
        sleep: (duration) => machine.sleep(duration)
      }
    })
  )
}
