import { spawn } from "node:child_process"
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { Effect, Exit, Scope } from "effect"
import { Redis } from "ioredis"
import { Client } from "pg"
import { afterEach, expect, inject, it } from "vitest"
import { type EmbeddedServices, startEmbedded } from "../../src/embedded/EmbeddedServices.ts"
import { claimHome, openHome, publishInstance, readInstance, secret } from "../../src/embedded/Home.ts"
import { postmasterPidFile } from "../../src/embedded/PostmasterPid.ts"
import { identify, processesIn } from "../../src/embedded/ProcessTable.ts"
import { openToServers, wipeHomeSync } from "../kit/TestHome.ts"

const folders: Array<string> = []

afterEach(() => {
  for (const folder of folders.splice(0)) wipeHomeSync(folder)
})

/** A new home's path; `name` is its last part. */
const homePath = (name: string): string => {
  const folder = mkdtempSync(join(inject("testHome"), "embedded-"))
  openToServers(folder)
  folders.push(folder)
  return join(folder, name)
}

const optionsFor = (root: string) => ({ root, cacheDir: inject("cacheDir") })

const start = async (root: string): Promise<{ services: EmbeddedServices; stop: () => Promise<void> }> => {
  const scope = await Effect.runPromise(Scope.make())
  const services = await Effect.runPromise(Scope.provide(startEmbedded(optionsFor(root), { durable: false }), scope))
  return { services, stop: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

const sql = async (url: string, text: string): Promise<ReadonlyArray<Record<string, unknown>>> => {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

const withRedis = async <A>(url: string, use: (redis: Redis) => Promise<A>): Promise<A> => {
  const redis = new Redis(url)
  try {
    return await use(redis)
  } finally {
    redis.disconnect()
  }
}

const isServer = (executable: string): boolean => /^(postgres|redis|valkey)/.test(executable)
const serversOf = (root: string) =>
  ["postgres", "redis"].flatMap((name) => processesIn(join(root, "data", name), isServer))

const until = async (holds: () => boolean): Promise<void> => {
  const deadline = Date.now() + 20_000
  while (!holds()) {
    if (Date.now() > deadline) throw new Error("the awaited condition did not come about")
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const CHILD = join(import.meta.dirname, "HoldServices.ts")

/** Another process that starts the servers of `root` and holds them until it is killed. */
const startInChild = (
  root: string
): Promise<{ pid: number; postgresPid: number; redisPid: number; kill: () => Promise<void> }> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", CHILD, root, inject("cacheDir")], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    const closed = new Promise<void>((done) => child.once("close", () => done()))
    child.once("error", reject)
    child.once("close", (code) => reject(new Error(`the child ended with ${code} before its servers ran`)))
    child.stdout.once("data", (line: Buffer) => {
      const [postgresPid = 0, redisPid = 0] = line.toString().split(" ").map(Number)
      const kill = async () => {
        child.kill("SIGKILL")
        await closed
      }
      resolve({ pid: child.pid ?? 0, postgresPid, redisPid, kill })
    })
  })

it("keeps the data of both servers, their ports and their passwords across a stop and a start", async () => {
  const root = homePath("home")
  const first = await start(root)
  await sql(first.services.postgres.socketUrl, "CREATE TABLE parcel AS SELECT 7 AS id")
  await withRedis(first.services.redis.url, (redis) => redis.set("parcel", "7"))
  await first.stop()
  const second = await start(root)
  expect(second.services.postgres).toMatchObject({
    adopted: false,
    socketUrl: first.services.postgres.socketUrl,
    tcpUrl: first.services.postgres.tcpUrl
  })
  expect(await sql(second.services.postgres.socketUrl, "SELECT id FROM parcel")).toEqual([{ id: 7 }])
  expect(second.services.redis.url).toBe(first.services.redis.url)
  await second.stop()
})

it("leaves no process and no socket behind when it stops", async () => {
  const root = homePath("home")
  const { services, stop } = await start(root)
  expect(serversOf(root).length).toBeGreaterThan(2)
  await stop()
  expect(serversOf(root)).toEqual([])
  expect(identify(services.postgres.pid)).toBeUndefined()
  expect(existsSync(services.home.socketDir)).toBe(false)
  expect(readdirSync(join(root, "claims"))).toEqual([])
})

it("serves its owner over the socket and over TCP, with checksums, UTF-8, UTC and a password", async () => {
  const { services, stop } = await start(homePath("home"))
  const { socketUrl, tcpUrl } = services.postgres
  for (const url of [socketUrl, tcpUrl]) {
    const [row] = await sql(
      url,
      "SELECT current_user AS who, current_database() AS db, current_setting('server_encoding') AS enc, current_setting('data_checksums') AS sums, current_setting('TimeZone') AS zone"
    )
    expect(row).toEqual({ who: "dropmate_owner", db: "dropmate", enc: "UTF8", sums: "on", zone: "UTC" })
    const wrong = new URL(url)
    wrong.password = "guess"
    await expect(sql(wrong.href, "SELECT 1")).rejects.toThrow(/password authentication failed/)
  }
  const [where] = await sql(socketUrl, "SELECT inet_server_addr() AS address")
  expect(where).toEqual({ address: null })
  await withRedis(services.redis.url, async (redis) => {
    expect(await redis.config("GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "noeviction"])
  })
  await stop()
})

it("opens neither secrets nor data to other accounts", async () => {
  const root = homePath("home")
  const { services, stop } = await start(root)
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)
  expect(mode(services.home.secretsDir)).toBe("700")
  for (const name of readdirSync(services.home.secretsDir))
    expect(mode(join(services.home.secretsDir, name))).toBe("600")
  for (const name of ["postgres", "redis"]) expect(mode(join(root, "data", name))).toBe("700")
  expect(mode(services.home.socketDir)).toBe("700")
  expect(mode(services.home.logsDir)).toBe("700")
  const [redis] = processesIn(join(root, "data", "redis"), isServer)
  expect(readFileSync(`/proc/${redis?.pid}/cmdline`, "utf8")).not.toContain(new URL(services.redis.url).password)
  await stop()
})

it("adopts the servers that a killed process left running", async () => {
  const root = homePath("home")
  const child = await startInChild(root)
  await child.kill()
  const { services, stop } = await start(root)
  expect(services.postgres).toMatchObject({ adopted: true, pid: child.postgresPid })
  expect(services.redis).toMatchObject({ adopted: true, pid: child.redisPid })
  await sql(services.postgres.socketUrl, "SELECT 1")
  await stop()
  expect(serversOf(root)).toEqual([])
})

it("starts anew, with the committed data, after PostgreSQL itself was killed too", async () => {
  const root = homePath("home")
  const first = await start(root)
  await sql(first.services.postgres.socketUrl, "CREATE TABLE parcel AS SELECT 7 AS id")
  process.kill(first.services.postgres.pid, "SIGKILL")
  process.kill(first.services.redis.pid, "SIGKILL")
  await until(() => identify(first.services.postgres.pid) === undefined)
  await first.stop()
  const second = await start(root)
  expect(second.services.postgres.adopted).toBe(false)
  expect(await sql(second.services.postgres.socketUrl, "SELECT id FROM parcel")).toEqual([{ id: 7 }])
  await second.stop()
})

it("refuses a home that another live process works with, and names the process", async () => {
  const root = homePath("home")
  const child = await startInChild(root)
  const refused = await Effect.runPromise(Effect.flip(Effect.scoped(startEmbedded(optionsFor(root)))))
  expect(refused).toMatchObject({ _tag: "HomeInUse", home: root, pid: child.pid })
  expect(identify(child.postgresPid)).toBeDefined()
  await child.kill()
})

it("lets at most one of many claimants have a home at a time", async () => {
  const home = await Effect.runPromise(openHome(optionsFor(homePath("home"))))
  const claims = await Effect.runPromise(
    Effect.scoped(
      Effect.all(
        Array.from({ length: 8 }, () => Effect.exit(claimHome(home))),
        { concurrency: "unbounded" }
      )
    )
  )
  expect(claims.filter(Exit.isSuccess).length).toBe(1)
  await Effect.runPromise(Effect.scoped(claimHome(home)))
})

it("does not mistake another program that got the old postmaster's pid for PostgreSQL, and leaves it alone", async () => {
  const root = homePath("home")
  const first = await start(root)
  const pidFile = postmasterPidFile(join(root, "data", "postgres"))
  const text = readFileSync(pidFile, "utf8")
  await first.stop()
  const other = spawn("sleep", ["1000"], { stdio: "ignore", ...(first.services.home.runAs ?? {}) })
  writeFileSync(pidFile, text.replace(/^\d+/, String(other.pid)))
  const account = first.services.home.runAs
  if (account !== undefined) chownSync(pidFile, account.uid, account.gid)
  const second = await start(root)
  expect(second.services.postgres.adopted).toBe(false)
  expect(identify(other.pid ?? 0)).toBeDefined()
  other.kill("SIGKILL")
  await second.stop()
})

it("takes another port when its own was taken while it was stopped", async () => {
  const root = homePath("home")
  const first = await start(root)
  const port = Number(new URL(first.services.postgres.tcpUrl).port)
  await first.stop()
  const squatter = createServer().listen(port, "127.0.0.1")
  await new Promise((resolve) => squatter.once("listening", resolve))
  const second = await start(root)
  expect(Number(new URL(second.services.postgres.tcpUrl).port)).not.toBe(port)
  await second.stop()
  await new Promise((resolve) => squatter.close(resolve))
})

it("works in a home whose path is long, and in one with a space and a quote", async () => {
  for (const name of [`${"a-rather-long-name".repeat(8)}/home`, "my parcel's home"]) {
    const root = homePath(name)
    mkdirSync(root, { recursive: true })
    const { services, stop } = await start(root)
    expect(Buffer.byteLength(`${services.home.socketDir}/.s.PGSQL.65535`)).toBeLessThan(100)
    await sql(services.postgres.socketUrl, "SELECT 1")
    await withRedis(services.redis.url, (redis) => redis.ping())
    await stop()
  }
})

it("recovers from a first start that was cut off in the middle of making the cluster", async () => {
  const root = homePath("home")
  mkdirSync(join(root, "data", "postgres.new", "cluster"), { recursive: true })
  writeFileSync(join(root, "data", "postgres.new", "cluster", "PG_VERSION"), "16\n")
  openToServers(root)
  openToServers(join(root, "data"))
  const { stop } = await start(root)
  expect(existsSync(join(root, "data", "postgres.new"))).toBe(false)
  await stop()
})

it("says what is wrong with a cluster of another major version and leaves it as it is", async () => {
  const root = homePath("home")
  const first = await start(root)
  await first.stop()
  const versionFile = join(root, "data", "postgres", "PG_VERSION")
  writeFileSync(versionFile, "15\n")
  const refused = await Effect.runPromise(Effect.flip(Effect.scoped(startEmbedded(optionsFor(root)))))
  expect(refused).toMatchObject({ _tag: "PostgresDidNotStart" })
  expect(String(refused.message)).toMatch(/made by PostgreSQL 15; these binaries are 16/)
  expect(readFileSync(versionFile, "utf8")).toBe("15\n")
  expect(serversOf(root)).toEqual([])
})

it("gives every process the same secret, and a home made anew another", async () => {
  const root = homePath("home")
  const home = await Effect.runPromise(openHome(optionsFor(root)))
  const both = await Effect.runPromise(Effect.all([secret(home, "token"), secret(home, "token")], { concurrency: 2 }))
  expect(both[0]).toBe(both[1])
  expect(both[0]).toMatch(/^[\w-]{32}$/)
  rmSync(root, { recursive: true })
  const anew = await Effect.runPromise(openHome(optionsFor(root)))
  expect(await Effect.runPromise(secret(anew, "token"))).not.toBe(both[0])
})

it("tells other processes the URLs of the instance that runs, and only while it runs", async () => {
  const root = homePath("home")
  const home = await Effect.runPromise(openHome(optionsFor(root)))
  expect(readInstance(home)).toBeUndefined()
  const during = Effect.gen(function* () {
    yield* publishInstance(yield* claimHome(home), { HTTP_URL: "http://127.0.0.1:8080" })
    return readInstance(home)
  })
  expect(await Effect.runPromise(Effect.scoped(during))).toMatchObject({
    pid: process.pid,
    urls: { HTTP_URL: "http://127.0.0.1:8080" }
  })
  expect(readInstance(home)).toBeUndefined()
  writeFileSync(join(root, "instance.json"), JSON.stringify({ pid: process.pid, startTicks: "1", urls: {} }))
  expect(readInstance(home)).toBeUndefined()
})
