// Not from the package's root, which loads everything it has: 0.45 s more for each command.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { exitCodeOf, runCommandLine } from "./cli/CommandLine.ts"

const args = process.argv.slice(2)

runCommandLine(args).pipe(
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    teardown: (exit, onExit) => onExit(exitCodeOf(args[0], exit))
  })
)
