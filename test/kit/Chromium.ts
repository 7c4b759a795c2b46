import { spawn } from "node:child_process"
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync
} from "node:fs"
import { delimiter, join } from "node:path"
import { until } from "./Until.ts"

/** A browser to test with. */
export interface Chromium {
  readonly file: string
  /** Libraries that came with a fetched one; undefined for an installed one. */
  readonly libraryPath: string | undefined
}

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
const installMsMax = 240_000

const installed = (): Chromium | undefined => {
  for (const folder of [...(process.env.PATH ?? "").split(delimiter), "/usr/bin"]) {
    for (const name of names) {
      const file = join(folder, name)
      if (folder.startsWith("/") && existsSync(file)) return { file, libraryPath: undefined }
    }
  }
  return undefined
}

const librariesIn = (root: string): string =>
  ["usr/lib", "lib"]
    .map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((folder) => folder.endsWith("-linux-gnu"))
    .join(delimiter)

const fetched = (root: string): Chromium | undefined => {
  const file = join(root, "usr/lib/chromium/chromium")
  return existsSync(file) ? { file, libraryPath: librariesIn(root) } : undefined
}

const run = (file: string, args: ReadonlyArray<string>, cwd: string): Promise<void> =>
  new Promise((done, fail) => {
    const child = spawn(file, [...args], { cwd, stdio: ["ignore", "ignore", "inherit"], timeout: installMsMax })
    child.once("error", fail)
    child.once("close", (code, signal) =>
      code === 0 ? done() : fail(new Error(`${file} ${args.at(-1)} ended with ${signal ?? code}`))
    )
  })

const isRoot = (): boolean => process.getuid?.() === 0

/** As root: installed like any package. */
const install = async (): Promise<Chromium | undefined> => {
  await run("apt-get", ["--quiet", "--quiet", "update"], "/")
  await run(
    "apt-get",
    ["--quiet", "--quiet", "--yes", "-o", "DPkg::Lock::Timeout=120", "install", "--no-install-recommends", "chromium"],
    "/"
  )
  return installed()
}

/** As anybody else: the package and every library that this machine lacks, unpacked into the cache; apt's own state is left alone. */
const fetch = async (root: string): Promise<Chromium | undefined> => {
  const work = `${root}.part-${process.pid}`
  const options = [
    `Dir::State=${work}/state`,
    `Dir::State::lists=${work}/state/lists`,
    `Dir::Cache=${work}/cache`,
    "Dir::State::status=/var/lib/dpkg/status",
    "Debug::NoLocking=1",
    "APT::Sandbox::User="
  ].flatMap((option) => ["-o", option])
  try {
    for (const folder of ["state/lists/partial", "cache/archives/partial", "root"])
      mkdirSync(join(work, folder), { recursive: true })
    await run("apt-get", [...options, "--quiet", "--quiet", "update"], work)
    const wanted = ["--quiet", "--quiet", "--yes", "--download-only", "install", "--no-install-recommends", "chromium"]
    await run("apt-get", [...options, ...wanted], work)
    const archives = join(work, "cache/archives")
    for (const name of readdirSync(archives).filter((file) => file.endsWith(".deb")))
      await run("dpkg-deb", ["-x", join(archives, name), join(work, "root")], work)
    renameSync(join(work, "root"), root)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return fetched(root)
}

const takeTurn = (lock: string): boolean => {
  try {
    mkdirSync(lock)
    return true
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
    const found = statSync(lock, { throwIfNoEntry: false })
    // Whoever held it was killed.
    if (found !== undefined && Date.now() - found.mtimeMs > 2 * installMsMax) rmdirSync(lock)
    return false
  }
}

/** Chromium: from PATH, else from the cache, else from the distribution's packages, with a line that says so. Test files take turns. */
export const findChromium = async (cacheDir: string): Promise<Chromium> => {
  const root = join(cacheDir, `chromium-apt-${process.arch}`)
  const known = (): Chromium | undefined => installed() ?? fetched(root)
  const found = known()
  if (found !== undefined) return found
  accessSync(cacheDir, constants.W_OK)
  const lock = join(cacheDir, "chromium.lock")
  await until("a turn to install Chromium", () => takeTurn(lock), Boolean, 2 * installMsMax)
  try {
    const meanwhile = known()
    if (meanwhile !== undefined) return meanwhile
    const began = performance.now()
    process.stderr.write("dropmate: installing Chromium for the browser tests (about 100 MB)\n")
    const made = await (isRoot() ? install() : fetch(root))
    process.stderr.write(`dropmate: Chromium installed, ${((performance.now() - began) / 1_000).toFixed(0)} s\n`)
    if (made !== undefined) return made
  } finally {
    rmdirSync(lock)
  }
  throw new Error("no Chromium was found, and none could be installed: install the package chromium")
}
