import { spawn } from "node:child_process"
import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync } from "node:fs"
import { Effect } from "effect"
import { defaultLimits } from "../config/Limits.ts"
import { identify, isRunning, type ProcessIdentity } from "./ProcessTable.ts"
import type { RunAs } from "./RunAs.ts"
import { type StepFailed, stepFailed } from "./StepFailed.ts"

const POLL_MS = 10

/** Checks again and again; true as soon as `done` says so, false when `limitMs` have passed. */
export const waitUntil = (done: () => boolean, limitMs: number): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const until = Date.now() + limitMs
    while (!done()) {
      if (Date.now() > until) return false
      yield* Effect.sleep(POLL_MS)
    }
    return true
  })

export interface ServerCommand {
  readonly file: string
  readonly args: ReadonlyArray<string>
  readonly cwd: string
  readonly env: { readonly [name: string]: string }
  readonly logFile: string
  readonly runAs: RunAs | undefined
}

/** Text that the log has gained since `fromByte`, its last lines. */
export const logTail = (logFile: string, fromByte: number, lines = 12): string =>
  existsSync(logFile)
    ? readFileSync(logFile).subarray(fromByte).toString("utf8").trimEnd().split("\n").slice(-lines).join("\n")
    : ""

export const logSize = (logFile: string): number => (existsSync(logFile) ? statSync(logFile).size : 0)

/** One older log is kept, so that a log cannot fill the disk over many starts. */
const rotate = (logFile: string): void => {
  if (logSize(logFile) > defaultLimits.embeddedLogBytesMax) renameSync(logFile, `${logFile}.1`)
}

/**
 * Starts a server that writes to its log alone. It gets a session of its own: Ctrl-C must not reach it before the application has drained. It outlives
 * this process if this one is killed; the next start finds it by its data directory. The log is opened here, so its account needs no access to it.
 */
export const spawnServer = (command: ServerCommand): Effect.Effect<ProcessIdentity, StepFailed> =>
  Effect.callback<ProcessIdentity, StepFailed>((resume) => {
    rotate(command.logFile)
    const log = openSync(command.logFile, "a", 0o600)
    const identityOf = command.runAs === undefined ? {} : { uid: command.runAs.uid, gid: command.runAs.gid }
    const child = spawn(command.file, [...command.args], {
      cwd: command.cwd,
      env: { ...command.env },
      stdio: ["ignore", log, log],
      detached: true,
      ...identityOf
    })
    closeSync(log)
    child.unref()
    child.once("error", (error) => resume(Effect.fail(stepFailed(error))))
    child.once("spawn", () => {
      const pid = child.pid ?? 0
      resume(Effect.succeed(identify(pid) ?? { pid, startTicks: "gone" }))
    })
  })

const signal = (server: ProcessIdentity, name: NodeJS.Signals): void => {
  if (!isRunning(server)) return
  try {
    process.kill(server.pid, name)
  } catch (error) {
    // It may end by itself between the check and the signal; then there is nothing left to stop.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error
  }
}

/** Asks with `gently`; after `embeddedStopMs` insists with `firmly`. Signals nothing but that very process, and says whether it is gone. */
export const stopServer = (
  server: ProcessIdentity,
  gently: NodeJS.Signals,
  firmly: NodeJS.Signals
): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const gone = () => !isRunning(server)
    yield* Effect.sync(() => signal(server, gently))
    if (yield* waitUntil(gone, defaultLimits.embeddedStopMs)) return true
    yield* Effect.sync(() => signal(server, firmly))
    return yield* waitUntil(gone, defaultLimits.embeddedKillMs)
  })
