import { join } from "node:path"
import { readIfPresent } from "./AtomicFile.ts"

/** What PostgreSQL writes into postmaster.pid, line by line. It stays behind after a crash, still saying "ready": compare the pid. */
export interface PostmasterPid {
  readonly pid: number
  readonly port: number
  readonly socketDir: string
  readonly ready: boolean
}

export const postmasterPidFile = (dataDir: string): string => join(dataDir, "postmaster.pid")

/** Undefined when the file is missing or not yet whole. */
export const parsePostmasterPid = (text: string): PostmasterPid | undefined => {
  const lines = text.split("\n")
  const pid = Number(lines[0])
  const port = Number(lines[3])
  const socketDir = lines[4]
  if (!Number.isInteger(pid) || pid <= 0 || !Number.isInteger(port) || port <= 0 || socketDir === undefined)
    return undefined
  return { pid, port, socketDir, ready: lines[7]?.trim() === "ready" }
}

export const readPostmasterPid = (dataDir: string): PostmasterPid | undefined => {
  const text = readIfPresent(postmasterPidFile(dataDir))
  return text === undefined ? undefined : parsePostmasterPid(text)
}
