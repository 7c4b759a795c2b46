import { Cause, Console, Effect, Exit, Option } from "effect"
import { CliConfig, CliError, CliOutput, Command, GlobalFlag } from "effect/cli"
import { benchCommand } from "./BenchCommand.ts"
import { demoCommand } from "./demo/DemoCommand.ts"
import { doctorCommand } from "./doctor/DoctorCommand.ts"
import { envCommand } from "./EnvCommand.ts"
import { replayCommand } from "./fleet/ReplayCommand.ts"
import { simulateCommand } from "./fleet/SimulateCommand.ts"
import { migrateCommand } from "./MigrateCommand.ts"
import { seedCommand } from "./SeedCommand.ts"
import { serveCommand } from "./serve/ServeCommand.ts"

const version = "0.1.0"

/** The whole command line; the order is that of the help page. */
export const dropmate = Command.make("dropmate").pipe(
  Command.withDescription("Realtime dispatch for last-mile delivery. Every command has --help."),
  Command.withSubcommands([
    serveCommand,
    demoCommand,
    migrateCommand,
    seedCommand,
    envCommand,
    doctorCommand,
    simulateCommand,
    replayCommand,
    benchCommand
  ])
)

/** Help goes to stdout when it was asked for; a wrong invocation is one line on stderr. */
const presenter: CliOutput.Presenter = {
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(
          `dropmate: ${event.errors.map(oneLine).join("; ")} (see ${["dropmate", ...event.commandPath.slice(1)].join(" ")} --help)`
        )
      : CliOutput.defaultPresenter.present(event)
}

const oneLine = (error: { readonly message: string }): string => error.message.replace(/\s*\n\s*/g, " ").trim()

/** Runs one invocation. Every failure has been told to the person when it fails. */
export const runCommandLine = (args: ReadonlyArray<string>) =>
  Command.runWith(dropmate, { version })(args).pipe(
    Effect.tapCause((cause) => (isToldAlready(cause) ? Effect.void : Console.error(`dropmate: ${causeText(cause)}`))),
    Effect.provide([
      CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] }),
      CliOutput.layerPresenter(presenter)
    ])
  )

const isUsageError = (cause: Cause.Cause<unknown>): boolean =>
  Option.exists(Cause.findErrorOption(cause), (error) => CliError.isCliError(error) && error._tag === "ShowHelp")

const isToldAlready = (cause: Cause.Cause<unknown>): boolean => isUsageError(cause) || Cause.hasInterruptsOnly(cause)

/** One line; with LOG_LEVEL=Debug or Trace everything that is known. */
const causeText = (cause: Cause.Cause<unknown>): string => {
  const level = process.env.LOG_LEVEL
  if (level === "Debug" || level === "Trace") return Cause.pretty(cause)
  const error = Cause.squash(cause)
  return oneLine({ message: error instanceof Error && error.message !== "" ? error.message : String(error) })
}

/** Commands that run until they are told to stop: being told is their success. */
const runsUntilStopped: ReadonlySet<string | undefined> = new Set(["serve", "demo"])

/** 0 done; 1 failed; 2 wrong invocation; 130 interrupted. */
export const exitCodeOf = (command: string | undefined, exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  if (Cause.hasInterruptsOnly(exit.cause)) return runsUntilStopped.has(command) ? 0 : 130
  return isUsageError(exit.cause) ? (hasUsageErrors(exit.cause) ? 2 : 0) : 1
}

/** `dropmate` alone shows the help without having done anything wrong. */
const hasUsageErrors = (cause: Cause.Cause<unknown>): boolean =>
  Option.exists(
    Cause.findErrorOption(cause),
    (error) => CliError.isCliError(error) && error._tag === "ShowHelp" && error.errors.length > 0
  )
