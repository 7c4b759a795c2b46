import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Effect, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { CommandFailed, commandFailed } from "./CommandFailed.ts"

/** `bench/` is no part of the server: it is found beside `src`, and only when it is asked for. */
const benchFile = fileURLToPath(new URL("../../bench/Bench.ts", import.meta.url))

/** What `bench/Bench.ts` exports. Progress goes to stderr, results to stdout; rejects when a gate fails. */
interface BenchModule {
  readonly bench: (options: {
    readonly suites: ReadonlyArray<string>
    readonly json: boolean
    readonly signal: AbortSignal
  }) => Promise<void>
}

const isBenchModule = Schema.is(
  Schema.Struct({ bench: Schema.declare((value): value is BenchModule["bench"] => typeof value === "function") })
)

/** `dropmate bench`: the measurements of the promises, section 1. */
export const benchCommand = Command.make(
  "bench",
  {
    suites: Argument.String("SUITE").pipe(
      Argument.variadic(),
      Argument.withDescription("ingest, fanout, http, memory, ...; all unless given")
    ),
    json: Flag.Boolean("json").pipe(Flag.withDefault(false), Flag.withDescription("print results as JSON"))
  },
  ({ suites, json }) =>
    Effect.gen(function* () {
      if (!existsSync(benchFile))
        return yield* new CommandFailed({ message: "this installation has no bench folder: run it in a checkout" })
      const module: unknown = yield* Effect.tryPromise({ try: () => import(benchFile), catch: commandFailed })
      if (!isBenchModule(module)) return yield* new CommandFailed({ message: `${benchFile} exports no bench function` })
      yield* Effect.tryPromise({ try: (signal) => module.bench({ suites, json, signal }), catch: commandFailed })
    })
).pipe(Command.withDescription("Measures throughput, latency and memory against baselines, on this machine."))
