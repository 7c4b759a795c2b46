import { execFile } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "dropmate-cli-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Run {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the command line as a user would, without anything of this process's environment that could change it. */
const dropmate = (args: ReadonlyArray<string>, environment: Readonly<Record<string, string>> = {}): Promise<Run> =>
  new Promise((resolve) => {
    const env = { PATH: process.env.PATH ?? "", DROPMATE_HOME: join(folder, "empty"), ...environment }
    const child = execFile(process.execPath, [main, ...args], { env }, (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode ?? -1, stdout, stderr })
    )
  })

const lines = (text: string): ReadonlyArray<string> => text.split("\n").filter((line) => line !== "")

const commands = ["serve", "demo", "migrate", "seed", "env", "doctor", "simulate", "replay", "bench"]

describe.concurrent("help", () => {
  it.each(commands)("of %s goes to stdout and succeeds", async (command) => {
    const { exitCode, stdout, stderr } = await dropmate([command, "--help"])
    expect(stdout).toContain(`dropmate ${command}`)
    expect(stdout).toContain("DESCRIPTION")
    expect(stderr).toBe("")
    expect(exitCode).toBe(0)
  })

  it("of the whole names every command, and is what no argument shows", async () => {
    const [asked, bare] = await Promise.all([dropmate(["--help"]), dropmate([])])
    for (const command of commands) expect(asked.stdout).toContain(`  ${command}`)
    expect(bare.stdout).toBe(asked.stdout)
    expect([asked.exitCode, bare.exitCode]).toEqual([0, 0])
  })
})

describe.concurrent("errors", () => {
  const csv = join(folder, "one.csv")
  writeFileSync(csv, "vehicle_id,time,lat,lng\na,2026-01-12T17:00:00Z,1,x\n")

  it.each<[string, ReadonlyArray<string>, number, Readonly<Record<string, string>>, RegExp]>([
    ["an unknown command", ["replya"], 2, {}, /Unknown subcommand "replya".*replay.*\(see dropmate --help\)/],
    ["an unknown flag", ["env", "--jsn"], 2, {}, /--jsn.*--json.*\(see dropmate env --help\)/],
    ["a missing argument", ["replay"], 2, {}, /FILE/],
    ["a value of the wrong kind", ["replay", csv, "--speed", "fast"], 2, {}, /--speed: "fast"/],
    ["a value out of range", ["replay", csv, "--speed", "-1"], 2, {}, /must be 0 or more, not -1/],
    [
      "a file that is not there",
      ["replay", join(folder, "no.csv"), "--url", "http://127.0.0.1:9"],
      1,
      {},
      /no\.csv: there is no such file/
    ],
    [
      "a broken line of a file",
      ["replay", csv, "--url", "http://127.0.0.1:9"],
      1,
      {},
      /one\.csv:2: lng must be a number from -180 to 180, not "x"/
    ],
    ["a URL that is none", ["replay", csv, "--url", "localhost"], 1, {}, /--url must be like http:/],
    ["nothing that runs", ["env", "--json"], 1, {}, /nothing is running with .*empty/],
    ["orders below none", ["simulate", "--orders-per-minute", "-5"], 2, {}, /must be 0 or more, not -5/],
    ["speed without an end", ["simulate", "--speed", "2"], 1, {}, /--speed above 1 needs --duration-s/],
    [
      "a run that begins too long ago",
      ["simulate", "--speed", "1000", "--duration-s", "600"],
      1,
      {},
      /would begin 167 h ago/
    ],
    [
      "an unknown role",
      ["serve", "--roles", "cook"],
      1,
      {},
      /--roles must be some of gateway,api,worker,actors, not cook/
    ],
    [
      "roles that nothing would reach",
      ["serve", "--roles", "actors,worker"],
      1,
      {},
      /the role actors decides commands where they arrive, .*add one of them/
    ],
    [
      "a port that is none",
      ["env"],
      1,
      { HTTP_PORT: "99999" },
      /HTTP_PORT must be a port number from 1 to 65535, not "99999"/
    ],
    ["an unknown level", ["env"], 1, { LOG_LEVEL: "loud" }, /LOG_LEVEL must be Trace, .* or Error, not "loud"/],
    [
      "a map's style that is no address",
      ["env"],
      1,
      { MAP_STYLE_URL: "tiles.example/style.json" },
      /MAP_STYLE_URL must be an http:\/\/ or https:\/\/ URL, not "tiles.example\/style.json"/
    ],
    [
      "a bucket's address with a path",
      ["env"],
      1,
      { FILES_S3_ENDPOINT: "https://s3.example/files" },
      /FILES_S3_ENDPOINT must be an http:\/\/ or https:\/\/ URL without a path, not "https:\/\/s3.example\/files"/
    ],
    [
      "half a bucket",
      ["serve"],
      1,
      { FILES_S3_ENDPOINT: "https://s3.example", FILES_S3_BUCKET: "files" },
      /FILES_S3_ENDPOINT is set, and FILES_S3_ACCESS_KEY, FILES_S3_SECRET_KEY must be too/
    ],
    ["words for a number", ["env"], 1, { TRUSTED_PROXY_HOPS: "few" }, /TRUSTED_PROXY_HOPS must be a whole .*"few"/]
  ])("tells %s in one line", async (_name, args, exitCode, environment, message) => {
    const run = await dropmate(args, environment)
    expect(run.stderr).toMatch(message)
    expect(lines(run.stderr)).toHaveLength(1)
    expect(run.stderr).toMatch(/^dropmate: /)
    expect(run.stdout).toBe("")
    expect(run.exitCode).toBe(exitCode)
  })

  it("come with all that is known when LOG_LEVEL is Debug", async () => {
    const run = await dropmate(["env"], { LOG_LEVEL: "Debug" })
    expect(lines(run.stderr).length).toBeGreaterThan(1)
    expect(run.exitCode).toBe(1)
  })

  it("say whom to ask when making drivers needs an administrator", async () => {
    const good = join(folder, "good.csv")
    writeFileSync(good, "vehicle_id,time,lat,lng\na,2026-01-12T17:00:00Z,1,2\n")
    const run = await dropmate(["replay", good, "--url", "http://127.0.0.1:9"])
    expect(run.stderr).toContain("set DROPMATE_ADMIN_EMAIL and DROPMATE_ADMIN_PASSWORD, or give --token")
    expect(run.exitCode).toBe(1)
  })

  it("say that nobody answers, after the time that was given", async () => {
    const port = await unusedPort()
    const credentials = { DROPMATE_ADMIN_EMAIL: "a@b.c", DROPMATE_ADMIN_PASSWORD: "correct horse" }
    const run = await dropmate(
      ["simulate", "--drivers", "1", "--url", `http://127.0.0.1:${port}`, "--give-up-after-s", "0"],
      credentials
    )
    expect(run.stderr).toContain(`nobody answers at http://127.0.0.1:${port} (ECONNREFUSED)`)
    expect(lines(run.stderr)).toHaveLength(1)
    expect(run.exitCode).toBe(1)
  })
})

const unusedPort = async (): Promise<number> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe("env", () => {
  const urls = { DATABASE_URL: "postgresql://o:it's@127.0.0.1:5/d", REDIS_URL: "redis://127.0.0.1:6" }

  it("prints exactly the four URLs as JSON, and nothing else", async () => {
    const { stdout, stderr, exitCode } = await dropmate(["env", "--json"], {
      ...urls,
      HTTP_PORT: "81",
      REALTIME_PORT: "82"
    })
    expect(JSON.parse(stdout)).toEqual({
      DATABASE_URL: urls.DATABASE_URL,
      REDIS_URL: urls.REDIS_URL,
      HTTP_URL: "http://127.0.0.1:81",
      REALTIME_URL: "ws://127.0.0.1:82"
    })
    expect(lines(stdout)).toHaveLength(1)
    expect(stderr).toBe("")
    expect(exitCode).toBe(0)
  })

  it("prints where jobs are queued when that is a Redis of its own", async () => {
    const own = "redis://127.0.0.1:7"
    const { stdout } = await dropmate(["env", "--json"], { ...urls, QUEUE_REDIS_URL: own })
    expect(JSON.parse(stdout)).toMatchObject({ REDIS_URL: urls.REDIS_URL, QUEUE_REDIS_URL: own })
  })

  it("prints assignments that a shell reads back unchanged", async () => {
    const { stdout } = await dropmate(["env"], urls)
    const echoed = await new Promise<string>((resolve) =>
      execFile("sh", ["-c", `${stdout}\nprintf %s "$DATABASE_URL"`], (_error, text) => resolve(text))
    )
    expect(echoed).toBe(urls.DATABASE_URL)
  })
})

describe("doctor", () => {
  it("says what to do when nothing is running, and fails", async () => {
    const { stdout, stderr, exitCode } = await dropmate(["doctor", "--json"])
    const findings = JSON.parse(stdout) as ReadonlyArray<{ check: string; verdict: string; advice?: string }>
    expect(findings.find(({ check }) => check === "node")?.verdict).toBe("ok")
    expect(findings.find(({ check }) => check === "uWebSockets.js")?.verdict).toBe("ok")
    const instance = findings.find(({ check }) => check === "instance")
    expect(instance?.verdict).toBe("fail")
    expect(instance?.advice).toContain("start it with")
    for (const { verdict, advice } of findings) expect(verdict === "ok" || advice !== undefined).toBe(true)
    expect(stderr).toContain("dropmate: not well:")
    expect(exitCode).toBe(1)
  })

  it("tells an address that does not answer from one that does", async () => {
    const port = await unusedPort()
    const { stdout, exitCode } = await dropmate(["doctor"], {
      DATABASE_URL: `postgresql://nobody@127.0.0.1:${port}/none`,
      REDIS_URL: `redis://127.0.0.1:${port}`
    })
    expect(stdout).toMatch(/fail {2}postgresql .*ECONNREFUSED/)
    expect(stdout).toMatch(/fail {2}redis /)
    expect(exitCode).toBe(1)
  })
})
