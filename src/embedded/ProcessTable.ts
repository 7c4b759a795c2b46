import { readdirSync, readFileSync, readlinkSync } from "node:fs"

/** One process of this machine, told apart from a later one with the same pid by when it began. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks between the machine's start and the process's; "0" where /proc does not exist. */
  readonly startTicks: string
}

const hasProc = process.platform === "linux"

/** Errors of /proc that say "gone" or "not yours to see"; anything else is a defect and is thrown. */
const unreadable = (error: unknown): boolean =>
  error instanceof Error && "code" in error && ["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(String(error.code))

const orUndefined = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch (error) {
    if (unreadable(error)) return undefined
    throw error
  }
}

/** Fields 3 and later of /proc/<pid>/stat; the second one, the name, may itself hold spaces and brackets. */
const statFields = (pid: number): ReadonlyArray<string> | undefined => {
  const stat = orUndefined(() => readFileSync(`/proc/${pid}/stat`, "utf8"))
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")
}

const answersSignalZero = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

/** The identity of a live process, or undefined. A zombie counts as gone: it holds nothing any more. */
export const identify = (pid: number): ProcessIdentity | undefined => {
  if (!hasProc) return answersSignalZero(pid) ? { pid, startTicks: "0" } : undefined
  const fields = statFields(pid)
  if (fields === undefined || fields[0] === "Z" || fields[0] === "X") return undefined
  return { pid, startTicks: fields[19] ?? "0" }
}

export const isRunning = (identity: ProcessIdentity): boolean =>
  identify(identity.pid)?.startTicks === identity.startTicks

/** This process. */
export const self = (): ProcessIdentity => identify(process.pid) ?? { pid: process.pid, startTicks: "0" }

const parentOf = (pid: number): number => Number(statFields(pid)?.[1] ?? 0)

/**
 * Processes whose executable's name satisfies `named` and whose working directory is `directory`; parents first.
 * PostgreSQL and Redis both change into their data directory, so this is the proof that a process is ours to signal,
 * which a pid in a file is not. Sees what this user may see: its own processes, or all of them as root.
 */
export const processesIn = (
  directory: string,
  named: (executable: string) => boolean
): ReadonlyArray<ProcessIdentity> => {
  const found: Array<ProcessIdentity> = []
  for (const entry of hasProc ? readdirSync("/proc") : []) {
    if (!/^\d+$/.test(entry)) continue
    const cwd = orUndefined(() => readlinkSync(`/proc/${entry}/cwd`))
    if (cwd !== directory) continue
    const executable = orUndefined(() => readlinkSync(`/proc/${entry}/exe`))
    const identity = identify(Number(entry))
    if (identity !== undefined && executable !== undefined && named(baseName(executable))) found.push(identity)
  }
  const pids = new Set(found.map(({ pid }) => pid))
  const isChild = ({ pid }: ProcessIdentity) => pids.has(parentOf(pid))
  return [...found.filter((p) => !isChild(p)), ...found.filter(isChild)]
}

/** The kernel marks an executable that was replaced under a running process. */
const baseName = (executable: string): string =>
  executable.replace(/ \(deleted\)$/, "").slice(executable.lastIndexOf("/") + 1)
