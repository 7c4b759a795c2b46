import { chmodSync, existsSync, lstatSync, readdirSync, readlinkSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, sep } from "node:path"
import { socketDirOf } from "../../src/embedded/Home.ts"
import { isRunning, type ProcessIdentity, processesIn } from "../../src/embedded/ProcessTable.ts"

/** Folders of test runs, in the machine's folder for temporary files. */
export const TEST_HOME_PREFIX = "dropmate-test-"

const isServer = (executable: string): boolean => /^(postgres|initdb|redis|valkey)/.test(executable)

const cwdOf = (pid: string): string | undefined => {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined // gone, or another user's
  }
}

/** Servers that work somewhere below the folder, whose path is a resolved one. */
const serversBelow = (real: string): ReadonlyArray<ProcessIdentity> => {
  const folders = new Set(
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => cwdOf(pid))
      .filter((cwd) => cwd?.startsWith(real + sep) === true)
  )
  return [...folders].flatMap((cwd) => (cwd === undefined ? [] : processesIn(cwd, isServer)))
}

const pauseMs = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

const signalAll = (servers: ReadonlyArray<ProcessIdentity>, name: NodeJS.Signals): void => {
  for (const { pid } of servers.filter(isRunning)) {
    try {
      process.kill(pid, name)
    } catch (error) {
      // A backend may end by itself between the check and the signal.
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error
    }
  }
}

/** The run's own home, and those that tests made in folders beside it. */
const homesBelow = (real: string): ReadonlyArray<string> =>
  [real, ...readdirSync(real).map((name) => join(real, name))].flatMap((folder) => [folder, join(folder, "home")])

const STOP_MS = 5_000

/** Stops what still runs below the folder and removes it, without an event loop: for the exit of an interrupted run. */
export const wipeHomeSync = (folder: string): void => {
  if (!existsSync(folder)) return
  const real = realpathSync(folder)
  const servers = serversBelow(real)
  const until = Date.now() + STOP_MS
  signalAll(servers, "SIGQUIT")
  while (servers.some(isRunning) && Date.now() < until) pauseMs(10)
  signalAll(servers, "SIGKILL")
  while (servers.some(isRunning) && Date.now() < until + STOP_MS) pauseMs(10)
  for (const home of homesBelow(real)) rmSync(socketDirOf(home), { recursive: true, force: true })
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
}

const ownerRuns = (folder: string): boolean => {
  const claims = join(folder, "home", "claims")
  if (!existsSync(claims)) return false
  return readdirSync(claims).some((name) => {
    const [pid = "", startTicks = ""] = name.split("-")
    return isRunning({ pid: Number(pid), startTicks })
  })
}

/** A run makes its claim within this time after its folder. */
const YOUNG_MS = 60_000

/** Removes what runs of this user left behind that were killed outright. */
export const sweepAbandonedHomes = (): void => {
  for (const name of readdirSync(tmpdir()).filter((found) => found.startsWith(TEST_HOME_PREFIX))) {
    const folder = join(tmpdir(), name)
    const found = lstatSync(folder, { throwIfNoEntry: false })
    if (found === undefined || !found.isDirectory() || found.uid !== process.getuid?.()) continue
    if (Date.now() - found.ctimeMs > YOUNG_MS && !ownerRuns(folder)) wipeHomeSync(folder)
  }
}

/** mkdtemp makes 0700; the servers' account, when it is another, has to pass. */
export const openToServers = (folder: string): void => chmodSync(folder, 0o711)
