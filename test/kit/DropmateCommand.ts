import { spawn } from "node:child_process"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { onTestFinished } from "vitest"
import { processAdmin } from "./ServerProcess.ts"

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** How a command ended and what it printed. */
export interface CommandEnd {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs `dropmate ...` as a process of its own, with the administrator's rights. It is killed when the test ends before it.
 * `environment` is added to that; `told` hears what it writes to stderr, as it comes.
 */
export const dropmate = (
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {},
  told: (text: string) => void = () => undefined
): Promise<CommandEnd> => {
  const child = spawn(process.execPath, ["src/main.ts", ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH,
      DROPMATE_ADMIN_EMAIL: processAdmin.email,
      DROPMATE_ADMIN_PASSWORD: processAdmin.password,
      ...environment
    }
  })
  onTestFinished(() => {
    child.kill("SIGKILL")
  })
  const said = { stdout: "", stderr: "" }
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8")
    child[name].on("data", (text: string) => {
      said[name] += text
      if (name === "stderr") told(text)
    })
  }
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, ...said })))
}
