import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { CommandFailed } from "../CommandFailed.ts"

const script = fileURLToPath(new URL("../../../scripts/buildWeb.ts", import.meta.url))
const buildMsMax = 120_000

/**
 * The folder with the built web pages; built first when their sources changed (2 s). In a process of its own, since the bundler
 * takes the whole event loop while it works.
 */
export const builtWeb: Effect.Effect<string, CommandFailed> = Effect.callback((resume) => {
  const child = execFile(process.execPath, [script], { timeout: buildMsMax }, (error, stdout) => {
    const folder = stdout.trim()
    resume(
      error === null && folder !== ""
        ? Effect.succeed(folder)
        : Effect.fail(new CommandFailed({ message: "the web pages could not be built: see above", cause: error }))
    )
  })
  child.stderr?.pipe(process.stderr)
  return Effect.sync(() => child.kill("SIGTERM"))
})
