import { randomBytes } from "node:crypto"
import { mkdtempSync } from "node:fs"
import { join } from "node:path"
import { Effect, Exit, Scope } from "effect"
import { Redis } from "ioredis"
import { Client } from "pg"
import { inject } from "vitest"
import { startRedis } from "../../src/embedded/EmbeddedRedis.ts"
import { claimHome, openHome } from "../../src/embedded/Home.ts"
import { openToServers, wipeHomeSync } from "./TestHome.ts"

/** Runs one statement as the owner of the run's cluster, outside any transaction. */
const asOwner = async (statement: string): Promise<void> => {
  const client = new Client({ connectionString: inject("postgresUrl") })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

export interface FreshDatabase {
  /** The owner's URL, over the unix socket. */
  readonly url: string
  /** Ends every connection to it and drops it. */
  readonly drop: () => Promise<void>
}

/**
 * An empty database of its own in the run's PostgreSQL: files and tests may run in parallel. Roles are the cluster's, shared by all databases,
 * so what makes roles must bear that they exist and that another session makes them at the same moment.
 */
export const freshDatabase = async (): Promise<FreshDatabase> => {
  const name = `t_${randomBytes(8).toString("hex")}`
  await asOwner(`CREATE DATABASE ${name}`)
  const url = new URL(inject("postgresUrl"))
  url.pathname = `/${name}`
  return { url: url.href, drop: () => asOwner(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) }
}

export interface FreshRedis {
  readonly url: string
  readonly drop: () => Promise<void>
}

const COUNTER = "dropmate:test:databases"

/**
 * An empty numbered database of its own in the run's Redis (which has 4,096): the server's own counter hands the numbers out, so parallel workers never
 * share one, and keys need no prefix. Channels of pub/sub do not belong to a numbered database: a test that counts messages takes `ownRedis`.
 */
export const freshRedis = async (): Promise<FreshRedis> => {
  const shared = new Redis(inject("redisUrl"))
  try {
    const number = await shared.incr(COUNTER)
    const url = `${inject("redisUrl")}/${number}`
    return { url, drop: () => flush(url) }
  } finally {
    shared.disconnect()
  }
}

const flush = async (url: string): Promise<void> => {
  const redis = new Redis(url)
  try {
    await redis.flushdb()
  } finally {
    redis.disconnect()
  }
}

/** A Redis server of its own (about 30 ms): for pub/sub, CONFIG, or a server that the test stops. Nothing is written to disk. */
export const ownRedis = async (): Promise<FreshRedis & { readonly pid: number }> => {
  const folder = mkdtempSync(join(inject("testHome"), "redis-"))
  openToServers(folder)
  const scope = await Effect.runPromise(Scope.make())
  const start = Effect.gen(function* () {
    const home = yield* claimHome(yield* openHome({ root: folder, cacheDir: inject("cacheDir") }))
    return yield* startRedis({ home, durable: false })
  })
  const { url, pid } = await Effect.runPromise(Scope.provide(start, scope))
  const drop = async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    wipeHomeSync(folder)
  }
  return { url, pid, drop }
}
