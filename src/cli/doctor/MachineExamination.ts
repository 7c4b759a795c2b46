import { existsSync, readFileSync, statfsSync } from "node:fs"
import { dirname } from "node:path"
import { brokenRelations } from "../../config/LimitRelations.ts"
import type { Limits } from "../../config/Limits.ts"
import { type Finding, fail, ok, warn } from "./Examination.ts"

const openFilesMin = 1_024
const openFilesGood = 16_384
const freeMiBMin = 512
const freeMiBGood = 5_120

/** What can be seen without a connection: Node, the socket library, the limits, files and disk. `home` need not exist. */
export const examineMachine = async (limits: Limits, home: string): Promise<ReadonlyArray<Finding>> => [
  nodeVersion(process.versions.node),
  await socketLibrary(),
  limitRelations(limits),
  openFiles(),
  freeDisk(home)
]

/** The packages need 22.19; uWebSockets.js has no binary for 24. */
export const nodeVersion = (version: string): Finding => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  if (major === 22 && minor >= 19) return ok("node", version)
  return fail("node", version, "run through npm run dropmate, which uses the pinned Node 22 of node_modules")
}

const socketLibrary = async (): Promise<Finding> => {
  try {
    // The gateway is the one importer of uWebSockets.js: when this loads, so does the native library.
    await import("../../gateway/RealtimeServer.ts")
    return ok("uWebSockets.js", "loads")
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause)
    return fail(
      "uWebSockets.js",
      reason,
      "it needs Linux, macOS or Windows on x64 or arm64, glibc 2.27 or newer, and Node 22"
    )
  }
}

const limitRelations = (limits: Limits): Finding => {
  const broken = brokenRelations(limits)
  if (broken.length === 0) return ok("limits", "all relations hold")
  return fail("limits", broken.join("; "), "correct src/config/Limits.ts")
}

const openFiles = (): Finding => {
  const path = "/proc/self/limits"
  if (!existsSync(path))
    return warn("open files", "cannot be read on this system", `make sure ulimit -n is ${openFilesGood} or more`)
  const text = /^Max open files\s+(\S+)/m.exec(readFileSync(path, "utf8"))?.[1] ?? ""
  const count = text === "unlimited" ? Number.POSITIVE_INFINITY : Number(text)
  if (count >= openFilesGood) return ok("open files", text)
  const advice = `every driver and viewer takes one: raise ulimit -n to ${openFilesGood} or more`
  return count >= openFilesMin ? warn("open files", text, advice) : fail("open files", text, advice)
}

const freeDisk = (home: string): Finding => {
  let folder = home
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
  const { bavail, bsize } = statfsSync(folder)
  const freeMiB = Math.floor((bavail * bsize) / 1024 / 1024)
  const found = `${freeMiB} MiB free at ${folder}`
  if (freeMiB >= freeMiBGood) return ok("disk", found)
  const advice = "a thousand drivers write about 2 GiB a day: make room or move DROPMATE_HOME"
  return freeMiB >= freeMiBMin ? warn("disk", found, advice) : fail("disk", found, advice)
}
