import { mkdtemp } from "node:fs/promises"
import { join } from "node:path"
import { Redis } from "ioredis"
import pg from "pg"
import { expect, inject, it, onTestFinished } from "vitest"
import { dropmate } from "../../kit/DropmateCommand.ts"
import { ServerProcess } from "../../kit/ServerProcess.ts"
import { serverServices } from "../../kit/ServerServices.ts"
import { wipeHomeSync } from "../../kit/TestHome.ts"
import { ownRedis } from "../../kit/TestServices.ts"

/** A Redis that throws keys away when its memory is full, as caches are set up. */
const evictingRedis = async (policy: string): Promise<string> => {
  const redis = await ownRedis()
  onTestFinished(() => redis.drop())
  const client = new Redis(redis.url)
  await client.config("SET", "maxmemory-policy", policy)
  client.disconnect()
  return redis.url
}

const newHome = async (): Promise<string> => {
  const home = await mkdtemp(join(inject("testHome"), "queue-redis-"))
  onTestFinished(() => wipeHomeSync(home))
  return home
}

it.each(["allkeys-lru", "volatile-ttl"])(
  "serve refuses a queue that Redis may throw away (%s), before it touches the database, and doctor says so too",
  { timeout: 60_000 },
  async (policy) => {
    const { environment, databaseUrl } = await serverServices()
    const REDIS_URL = await evictingRedis(policy)
    const own = { ...environment, REDIS_URL, DROPMATE_HOME: await newHome(), DROPMATE_SECRET: "x".repeat(40) }
    const { code, stderr } = await dropmate(["serve"], own)
    expect(stderr).toContain(`has maxmemory-policy ${policy} and may throw jobs away`)
    expect(stderr).toContain("set it to noeviction there, or let QUEUE_REDIS_URL name a Redis that has it")
    expect(stderr).not.toContain(new URL(REDIS_URL).password)
    expect(code).toBe(1)
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    const { rows } = await client.query("SELECT to_regclass('public.schema_migrations') AS made")
    await client.end()
    expect(rows).toEqual([{ made: null }])
    const doctor = await dropmate(["doctor"], own)
    expect(doctor.stdout).toMatch(new RegExp(`fail {2}redis eviction +${policy}`))
    expect(doctor.code).toBe(1)
  }
)

it("a cache may forget when the queue has a Redis of its own", { timeout: 60_000 }, async () => {
  const { environment } = await serverServices()
  const cache = await evictingRedis("allkeys-lru")
  const urls = { REDIS_URL: cache, QUEUE_REDIS_URL: environment.REDIS_URL ?? "" }
  const server = await ServerProcess.start({ ...environment, ...urls })
  expect(server.log().filter(({ level }) => level === "ERROR")).toEqual([])
  const doctor = await dropmate(["doctor"], { DROPMATE_HOME: server.home })
  expect(doctor.stdout).toMatch(/ok {4}redis eviction +allkeys-lru/)
  expect(doctor.stdout).toMatch(/ok {4}queue eviction +noeviction/)
})

it("a queue's Redis that is away stops no start, and that is logged", { timeout: 60_000 }, async () => {
  const { environment } = await serverServices()
  const server = await ServerProcess.start({ ...environment, QUEUE_REDIS_URL: "redis://127.0.0.1:1" })
  const unknown = server.log().find(({ event }) => event.startsWith("queue_policy_unknown"))
  expect(unknown?.text).toContain("127.0.0.1:1")
})
