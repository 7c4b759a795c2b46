import { type ChildProcess, spawn } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, expect, it } from "vitest"

const BOOT = join(import.meta.dirname, "..", "..", "scripts", "boot.mjs")
const folders: Array<string> = []

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** One package, which lies in the clone itself: installing it is real and needs no registry. */
const MANIFEST = { name: "clone", version: "1.0.0", type: "module", dependencies: { leaf: "file:leaf" } }
const LOCK = {
  name: "clone",
  version: "1.0.0",
  lockfileVersion: 3,
  requires: true,
  packages: { "": MANIFEST, leaf: { version: "1.0.0" }, "node_modules/leaf": { resolved: "leaf", link: true } }
}

/** A clone with the real boot script, a lock file without packages and `main` as its main program. */
const cloneWith = (main: string): string => {
  const root = mkdtempSync(join(tmpdir(), "dropmate-boot-"))
  folders.push(root)
  for (const name of ["scripts", "src", "leaf"]) mkdirSync(join(root, name))
  copyFileSync(BOOT, join(root, "scripts", "boot.mjs"))
  writeFileSync(join(root, "package.json"), JSON.stringify(MANIFEST))
  writeFileSync(join(root, "leaf", "package.json"), JSON.stringify({ name: "leaf", version: "1.0.0" }))
  writeFileSync(join(root, "package-lock.json"), JSON.stringify(LOCK))
  writeFileSync(join(root, "src", "main.ts"), main)
  return root
}

interface Booted {
  readonly child: ChildProcess
  /** What it has written so far, both streams. */
  readonly text: () => string
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
}

const PATH = `${dirname(process.execPath)}:${process.env.PATH}`

const boot = (root: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}): Booted => {
  const child = spawn(process.execPath, [join(root, "scripts", "boot.mjs"), ...args], {
    env: { ...process.env, PATH, ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let text = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()))
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (code, signal) => resolve({ code, signal }))
  })
  return { child, text: () => text, ended }
}

const seen = async (booted: Booted, pattern: RegExp): Promise<void> => {
  const deadline = Date.now() + 20_000
  while (!pattern.test(booted.text())) {
    if (Date.now() > deadline) throw new Error(`${pattern} was not written; instead: ${booted.text()}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

it("installs once, hands the arguments on and ends with the program's exit code", async () => {
  const root = cloneWith(
    "const words: Array<string> = process.argv.slice(2)\nconsole.log(['ran', ...words].join(' '))\nprocess.exit(7)"
  )
  const first = boot(root, ["demo", "--seed", "3"])
  expect(await first.ended).toEqual({ code: 7, signal: null })
  expect(first.text()).toMatch(/installing the packages of package-lock\.json: done/)
  expect(first.text()).toMatch(/^ran demo --seed 3$/m)
  const second = boot(root, ["dropmate", "env"])
  expect(await second.ended).toEqual({ code: 7, signal: null })
  expect(second.text()).toBe("ran env\n")
})

it("installs again when the lock file has changed", async () => {
  const root = cloneWith("console.log('ran')")
  await boot(root, ["dropmate"]).ended
  writeFileSync(join(root, "package-lock.json"), JSON.stringify(LOCK, null, 2))
  rmSync(join(root, "node_modules", ".package-lock.json"), { force: true })
  const again = boot(root, ["dropmate"])
  expect(await again.ended).toEqual({ code: 0, signal: null })
  expect(again.text()).toMatch(/installing/)
})

it("lets two boots of one clone install one after the other, the second finding the work done", async () => {
  const root = cloneWith("console.log('ran')")
  const both = [boot(root, ["dropmate"]), boot(root, ["dropmate"])]
  for (const { ended } of both) expect(await ended).toEqual({ code: 0, signal: null })
  const text = both.map((one) => one.text()).join("")
  expect(text.match(/: done after/g)).toHaveLength(1)
  expect(text.match(/^ran$/gm)).toHaveLength(2)
})

it("is not held up by the claim of an install that was killed", async () => {
  const root = cloneWith("console.log('ran')")
  mkdirSync(join(root, ".dropmate", "install"), { recursive: true })
  const stale = join(root, ".dropmate", "install", `${process.pid}-1`)
  writeFileSync(stale, "")
  expect(await boot(root, ["dropmate"]).ended).toEqual({ code: 0, signal: null })
  expect(existsSync(stale)).toBe(false)
})

const COUNTS_SIGNALS = `
let count = 0
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => {
  count++
  console.log(name)
})
process.on("SIGUSR2", () => process.exit(count))
setInterval(() => {}, 1000)
console.log("pid " + process.pid + " ready")`

it("passes a signal that reaches it alone on to the program, once even when it arrives twice", async () => {
  const booted = boot(cloneWith(COUNTS_SIGNALS), ["demo"])
  await seen(booted, /ready/)
  booted.child.kill("SIGINT")
  booted.child.kill("SIGINT")
  await seen(booted, /SIGINT/)
  booted.child.kill("SIGTERM")
  await seen(booted, /SIGTERM/)
  process.kill(Number(/pid (\d+)/.exec(booted.text())?.[1]), "SIGUSR2")
  expect(await booted.ended).toEqual({ code: 2, signal: null })
})

it("dies of the signal that its program died of", async () => {
  const booted = boot(cloneWith("console.log('ready')\nsetInterval(() => {}, 1000)"), ["demo"])
  await seen(booted, /ready/)
  booted.child.kill("SIGTERM")
  expect(await booted.ended).toEqual({ code: null, signal: "SIGTERM" })
})

it("says so in one line when there is no npm, and when the lock file does not fit", async () => {
  const root = cloneWith("console.log('ran')")
  const without = boot(root, ["demo"], { PATH: "/nowhere" })
  expect(await without.ended).toEqual({ code: 1, signal: null })
  expect(without.text()).toMatch(/^dropmate: npm is not on the PATH/m)
  writeFileSync(
    join(root, "package.json"),
    JSON.stringify({ name: "clone", version: "1.0.0", dependencies: { effect: "4.1.0" } })
  )
  const unfit = boot(root, ["demo"])
  expect(await unfit.ended).toEqual({ code: 1, signal: null })
  expect(unfit.text()).toMatch(/^dropmate: package\.json and package-lock\.json disagree/m)
  expect(unfit.text()).not.toMatch(/^ran$/m)
})

it("says that the registry could not be reached when it could not", async () => {
  const root = cloneWith("console.log('ran')")
  const wanted = {
    version: "1.0.0",
    integrity: `sha512-${Buffer.alloc(64).toString("base64")}`,
    resolved: "http://127.0.0.1:9/nothing-1.0.0.tgz"
  }
  const dependencies = { nothing: "1.0.0" }
  writeFileSync(join(root, "package.json"), JSON.stringify({ name: "clone", version: "1.0.0", dependencies }))
  const packages = { "": { name: "clone", version: "1.0.0", dependencies }, "node_modules/nothing": wanted }
  writeFileSync(join(root, "package-lock.json"), JSON.stringify({ ...LOCK, packages }))
  const env = {
    npm_config_registry: "http://127.0.0.1:9/",
    npm_config_fetch_retries: "0",
    npm_config_cache: join(root, "cache")
  }
  const booted = boot(root, ["demo"], env)
  expect(await booted.ended).toEqual({ code: 1, signal: null })
  expect(booted.text()).toMatch(/The package registry could not be reached/)
  expect(existsSync(join(root, ".dropmate", "install"))).toBe(true)
  expect(readFileSync(join(root, "package-lock.json"), "utf8")).toContain("nothing")
})
