import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { CommandFailed, commandFailed } from "./CommandFailed.ts"

/** `bench/` is no part of the server: it is found beside `src`, and only when it is asked for. */
const benchFile = fileURLToPath(new URL("../../bench/Bench.ts", import.meta.url))

/** What `bench/Bench.ts` exports. Progress goes to stderr, results to stdout; rejects when a gate fails. */
interface BenchModule {
  readonly bench: (options: {
    readonly suites: ReadonlyArray<string>
    readonly only: ReadonlyArray<string>
    readonly json: boolean
    readonly quick: boolean
    readonly runs: number | undefined
    readonly seconds: number | undefined
    readonly scale: number | undefined
    readonly profileDir: string | undefined
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
      Argument.withDescription("ingest, decode, memory, ...; all unless given; a wrong name lists them")
    ),
    only: Flag.String("only").pipe(
      Flag.withDefault(""),
      Flag.withDescription("scenarios of the suites, separated by commas (singles,tens); a wrong name lists them")
    ),
    runs: Flag.Int("runs").pipe(Flag.optional, Flag.withDescription("runs of each contestant, the median counts (3)")),
    seconds: Flag.Finite("seconds").pipe(Flag.optional, Flag.withDescription("seconds that one run measures (5)")),
    scale: Flag.Finite("scale").pipe(
      Flag.optional,
      Flag.withDescription("share of the promised numbers of sockets, 0.001 to 1; below 1 there are no verdicts (1)")
    ),
    quick: Flag.Boolean("quick").pipe(
      Flag.withDefault(false),
      Flag.withDescription("one short run of each: for a look, not for a record")
    ),
    profile: Flag.String("profile").pipe(
      Flag.optional,
      Flag.withDescription("folder for CPU profiles of the server under test")
    ),
    json: Flag.Boolean("json").pipe(
      Flag.withDefault(false),
      Flag.withDescription("print records, one JSON object a line")
    )
  },
  (given) =>
    Effect.gen(function* () {
      if (!existsSync(benchFile))
        return yield* new CommandFailed({ message: "this installation has no bench folder: run it in a checkout" })
      const module: unknown = yield* Effect.tryPromise({ try: () => import(benchFile), catch: commandFailed })
      if (!isBenchModule(module)) return yield* new CommandFailed({ message: `${benchFile} exports no bench function` })
      const call = {
        suites: given.suites,
        only: given.only.split(",").filter((name) => name !== ""),
        json: given.json,
        quick: given.quick,
        runs: Option.getOrUndefined(given.runs),
        seconds: Option.getOrUndefined(given.seconds),
        scale: Option.getOrUndefined(given.scale),
        profileDir: Option.getOrUndefined(given.profile)
      }
      const aborting = new AbortController()
      const measuring = module.bench({ ...call, signal: aborting.signal })
      // Whoever interrupts waits for its servers to stop: they would outlive this process.
      const stopped = Effect.promise(() => {
        aborting.abort()
        return measuring.catch(() => {})
      })
      yield* Effect.tryPromise({ try: () => measuring, catch: commandFailed }).pipe(Effect.onInterrupt(() => stopped))
    })
).pipe(Command.withDescription("Measures throughput, latency and memory against baselines, on this machine."))
