import { NodeRuntime, NodeServices } from "@effect/platform-node"
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
