import { spawn } from "node:child_process"
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { defaultLimits } from "../config/Limits.ts"
import type { Home } from "./Home.ts"
import type { RedisBinary } from "./RedisBinary.ts"
import { canTraverse } from "./RunAs.ts"
import { StepFailed, stepFailed } from "./StepFailed.ts"

const PACKAGES = ["redis-tools", "libjemalloc2", "liblzf1", "libatomic1", "libssl3", "libsystemd0"]

const nameOf = `redis-apt-${process.arch}`

const libraryFolders = (root: string): string =>
  ["usr/lib", "lib"]
    .map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => name.endsWith("-linux-gnu"))
        .map((name) => join(folder, name))
    )
    .join(":")

const binaryIn = (root: string): RedisBinary | undefined => {
  const file = join(root, "usr/bin/redis-server")
  return existsSync(file) ? { file, libraryPath: libraryFolders(root) } : undefined
}

/** The fetched Redis, if there is one. A cache that the servers' account cannot reach (below root's own home, say) is copied beside the data. */
export const cachedAptRedis = (home: Home): RedisBinary | undefined => {
  const fetched = join(home.cacheDir, nameOf)
  if (binaryIn(fetched) === undefined) return undefined
  if (home.runAs === undefined || canTraverse(home.runAs, home.cacheDir)) return binaryIn(fetched)
  const copy = join(home.dataDir, nameOf)
  if (binaryIn(copy) === undefined) {
    const part = `${copy}.part-${process.pid}`
    cpSync(fetched, part, { recursive: true, verbatimSymlinks: true })
    place(part, copy)
  }
  return binaryIn(copy)
}

/** apt's own state is left alone: lists, cache and lock are ours, so this needs no rights and disturbs no other apt. */
const aptOptions = (work: string): Array<string> =>
  [
    `Dir::State=${work}/state`,
    `Dir::State::lists=${work}/state/lists`,
    `Dir::Cache=${work}/cache`,
    "Dir::State::status=/var/lib/dpkg/status",
    "Debug::NoLocking=1",
    "APT::Sandbox::User="
  ].flatMap((option) => ["-o", option])

const run = (file: string, args: ReadonlyArray<string>, cwd: string): Effect.Effect<void, StepFailed> =>
  Effect.callback<void, StepFailed>((resume) => {
    const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C", ...proxies() }
    const child = spawn(file, [...args], {
      cwd,
      env,
      stdio: ["ignore", "ignore", "pipe"],
      timeout: defaultLimits.embeddedDownloadMs
    })
    let errors = ""
    child.stderr.on("data", (chunk: Buffer) => {
      errors = `${errors}${chunk.toString("utf8")}`.slice(-2_000)
    })
    child.once("error", (error) => resume(Effect.fail(stepFailed(error))))
    child.once("close", (code, signal) => {
      const last = errors.trim().split("\n").at(-1)
      resume(
        code === 0
          ? Effect.void
          : Effect.fail(new StepFailed({ reason: `${file} ${args.at(-1)} ended with ${signal ?? code}: ${last}` }))
      )
    })
    return Effect.sync(() => child.kill("SIGTERM"))
  })

const proxies = (): Record<string, string> =>
  Object.fromEntries(
    ["http_proxy", "https_proxy", "no_proxy"].flatMap((name) => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    })
  )

/** A release may lack a library under its name here (libssl3 before Debian 12, say). Whether Redis runs without it is for `probe` to find. */
const fetchOneByOne = (
  fetch: (names: ReadonlyArray<string>) => Effect.Effect<void, StepFailed>
): Effect.Effect<void, StepFailed> =>
  Effect.gen(function* () {
    yield* fetch(["redis-tools"])
    for (const name of PACKAGES.slice(1)) {
      yield* fetch([name]).pipe(Effect.catch((error) => Effect.logDebug(`without ${name}: ${error.message}`)))
    }
  })

const download = (work: string): Effect.Effect<ReadonlyArray<string>, StepFailed> =>
  Effect.gen(function* () {
    const debs = join(work, "debs")
    for (const folder of ["state/lists/partial", "cache/archives/partial", "debs"])
      mkdirSync(join(work, folder), { recursive: true })
    yield* run("apt-get", [...aptOptions(work), "--quiet", "update"], debs)
    const fetch = (names: ReadonlyArray<string>) =>
      run("apt-get", [...aptOptions(work), "--quiet", "download", ...names], debs)
    yield* fetch(PACKAGES).pipe(Effect.catch(() => fetchOneByOne(fetch)))
    return readdirSync(debs).map((name) => join(debs, name))
  })

/** redis-tools has no redis-server, but redis-check-rdb is that very binary: what it does depends on its name. */
const unpack = (debs: ReadonlyArray<string>, work: string): Effect.Effect<string, StepFailed> =>
  Effect.gen(function* () {
    const root = join(work, "root")
    mkdirSync(root)
    for (const deb of debs) yield* run("dpkg-deb", ["-x", deb, root], work)
    symlinkSync("redis-check-rdb", join(root, "usr/bin/redis-server"))
    rmSync(join(root, "usr/share"), { recursive: true, force: true })
    yield* probe(root)
    return root
  })

const probe = (root: string): Effect.Effect<void, StepFailed> =>
  run("/usr/bin/env", [`LD_LIBRARY_PATH=${libraryFolders(root)}`, join(root, "usr/bin/redis-server"), "--version"], "/")

/** Puts the whole folder in its place at once; one that another process put there first is as good. */
const place = (root: string, target: string): void => {
  chmodSync(root, 0o755)
  try {
    renameSync(root, target)
  } catch (error) {
    rmSync(root, { recursive: true, force: true })
    if (!(error instanceof Error && "code" in error && ["EEXIST", "ENOTEMPTY"].includes(String(error.code))))
      throw error
  }
}

/** Fetches Redis and its libraries into the cache (about 3 s, 4 MB kept); whole or not at all. */
export const fetchAptRedis = (home: Home): Effect.Effect<RedisBinary, StepFailed> => {
  const target = join(home.cacheDir, nameOf)
  const work = `${target}.part-${process.pid}-${Math.random().toString(36).slice(2, 8)}`
  return Effect.gen(function* () {
    if (!existsSync("/usr/bin/apt-get")) return yield* new StepFailed({ reason: "this distribution has no apt-get" })
    const root = yield* unpack(yield* download(work), work)
    place(root, target)
    const cached = cachedAptRedis(home)
    return cached ?? (yield* new StepFailed({ reason: `${target} holds no redis-server` }))
  }).pipe(
    Effect.catchDefect((defect) => Effect.fail(stepFailed(defect))),
    Effect.ensuring(Effect.sync(() => rmSync(work, { recursive: true, force: true })))
  )
}
