import { spawn, spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const bin = join(root, "node_modules", ".bin")
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ""}` }

interface Count {
  readonly passed: number
  readonly failed: number
}

interface Ended {
  readonly code: number
  readonly signal: NodeJS.Signals | null
}

/** Runs a tool, by its path or by its name among the installed ones, in the foreground. A signal reaches it through its process group, or is passed on by whoever sent it to us alone. */
const run = (tool: string, args: ReadonlyArray<string>): Promise<Ended> =>
  new Promise((end, reject) => {
    const child = spawn(resolve(bin, tool), [...args], { cwd: root, env, stdio: "inherit" })
    running = child
    child.once("error", reject)
    child.once("close", (code, signal) => end({ code: code ?? 1, signal }))
  })

let running: ReturnType<typeof spawn> | undefined
let interrupted: NodeJS.Signals | undefined

// Vitest needs one signal to stop its servers and leaves in a hurry at the second, so one that comes by two ways is passed on once at most.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (interrupted === undefined && process.stdin.isTTY !== true) running?.kill("SIGTERM")
    interrupted = signal
  })
}

const check = async (tool: string, args: ReadonlyArray<string>): Promise<Count> => {
  const { code } = await run(tool, args)
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: ReadonlyArray<{ readonly status: string; readonly assertionResults: ReadonlyArray<unknown> }>
}

/** Counts tests; a file that could not be loaded, an unhandled error and a run without a report each count as a failure too. */
const tally = (ended: Ended, report: Report | undefined): Count => {
  if (report === undefined) return { passed: 0, failed: 1 }
  const unloaded = report.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0
  ).length
  const failed = report.numFailedTests + unloaded
  return { passed: report.numPassedTests, failed: failed === 0 && ended.code !== 0 ? 1 : failed }
}

const vitest = async (filters: ReadonlyArray<string>): Promise<Count> => {
  const folder = mkdtempSync(join(tmpdir(), "dropmate-report-"))
  const file = join(folder, "report.json")
  try {
    const ended = await run("vitest", [
      "run",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${file}`,
      ...filters
    ])
    return tally(ended, existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Report) : undefined)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const stage = async (name: string, work: () => Promise<Count>): Promise<Count> => {
  if (interrupted !== undefined) return { passed: 0, failed: 1 }
  console.log(`\n== ${name}`)
  const began = Date.now()
  const count = await work()
  console.log(
    `== ${name}: ${count.failed === 0 ? "passed" : "FAILED"} in ${((Date.now() - began) / 1000).toFixed(1)} s`
  )
  return count
}

/**
 * The type checker that also knows Effect, so that an Effect which nobody runs is an error. It is a build of `tsc` itself, kept beside it, since
 * patching the installed one needs an install script; where there is no such build, plain `tsc`.
 */
const typeChecker = (): string => {
  const found = spawnSync(join(bin, "effect-tsgo"), ["get-exe-path"], { cwd: root, env, encoding: "utf8" })
  const path = found.stdout?.trim() ?? ""
  return found.status === 0 && existsSync(path) ? path : "tsc"
}

const TIDY_TEST = "test/tidy.test.ts"

/** `--check`: types, lint and the test of tidiness only. Other arguments go to vitest. */
const main = async (args: ReadonlyArray<string>): Promise<void> => {
  const checkOnly = args.includes("--check")
  const filters = args.filter((arg) => arg !== "--check")
  const counts = [
    await stage("types", () => check(typeChecker(), ["--noEmit"])),
    await stage("types of the web pages", () => check(typeChecker(), ["--noEmit", "--project", "web/tsconfig.json"])),
    await stage("lint and format", () => check("biome", ["check", "--error-on-warnings"]))
  ]
  if (!checkOnly) counts.push(await stage("tests", () => vitest(filters)))
  else if (existsSync(join(root, TIDY_TEST))) counts.push(await stage("tidiness", () => vitest([TIDY_TEST])))
  const passed = counts.reduce((sum, count) => sum + count.passed, 0)
  const failed = counts.reduce((sum, count) => sum + count.failed, 0)
  process.exitCode = failed > 0 || passed === 0 || interrupted !== undefined ? 1 : 0
  console.log(`\n${passed} passed, ${failed} failed`)
}

await main(process.argv.slice(2))
