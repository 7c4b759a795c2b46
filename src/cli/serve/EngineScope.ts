import { Effect, type Exit, Fiber, Layer, Option, Scope } from "effect"
import { Limits } from "../../config/Limits.ts"

/** What closing takes besides draining: pools and listeners. Milliseconds. */
const closeMs = 1_000

const closeInTime = (scope: Scope.Closeable, exit: Exit.Exit<unknown, unknown>) =>
  Effect.gen(function* () {
    const { drainMs } = yield* Limits
    const closing = yield* Effect.forkDetach(Scope.close(scope, exit))
    const closed = yield* Fiber.await(closing).pipe(Effect.interruptible, Effect.timeoutOption(drainMs + closeMs))
    if (Option.isNone(closed)) yield* Effect.logError("shutdown_cut_short", { waited_ms: drainMs + closeMs })
  })

/**
 * Builds a layer in a scope of its own that is closed with the caller's. A PostgreSQL that is frozen would hold a pool's shut-down for
 * ever; what is not closed in time is left to end with the process, and whoever closes after it has its turn.
 */
export const buildEngine = <A, E, R>(layer: Layer.Layer<A, E, R>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer((exit) => closeInTime(scope, exit))
    return yield* Layer.buildWithScope(layer, scope)
  })
