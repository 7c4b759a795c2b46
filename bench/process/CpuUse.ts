import { readdirSync, readFileSync } from "node:fs"

/** Ticks of /proc/<pid>/stat. Linux on every architecture that Node runs on uses 100 a second for user space. */
const ticksPerS = 100

const statOf = (pid: number): ReadonlyArray<string> | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  } catch {
    // It ended between the listing and the reading; what it used is in its parent's waited-for time.
    return undefined
  }
}

const field = (stat: ReadonlyArray<string>, number: number): number => Number(stat[number - 3])

/** Whether this machine can tell what a process used; elsewhere CPU figures are left out. */
export const canReadCpu: boolean = process.platform === "linux"

/** CPU that a process and the children it has waited for used since they began, seconds. */
export const cpuSecondsOf = (pid: number): number => {
  const stat = statOf(pid)
  if (stat === undefined) return 0
  return (field(stat, 14) + field(stat, 15) + field(stat, 16) + field(stat, 17)) / ticksPerS
}

/** The same for a process and its living children: PostgreSQL is one process a connection. */
export const cpuSecondsOfTree = (pid: number): number => {
  let total = cpuSecondsOf(pid)
  for (const name of readdirSync("/proc")) {
    const child = Number(name)
    if (!Number.isInteger(child)) continue
    const stat = statOf(child)
    if (stat !== undefined && field(stat, 4) === pid) total += cpuSecondsOf(child)
  }
  return total
}

/** Resident memory of a process, bytes. */
export const residentBytesOf = (pid: number): number => {
  const status = readFileSync(`/proc/${pid}/status`, "utf8")
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
}
