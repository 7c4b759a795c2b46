import { Redis } from "ioredis"
import { defaultLimits } from "../../config/Limits.ts"
import { type Finding, fail, ok, warn } from "./Examination.ts"

const versionMajorMin = 7

/** Looks at Redis (or Valkey). Changes nothing. */
export const examineRedis = async (url: string): Promise<ReadonlyArray<Finding>> => {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: defaultLimits.redisCommandMs,
    commandTimeout: defaultLimits.redisCommandMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null
  })
  // The first error is what `connect` rejects with; without a listener ioredis prints it as well.
  client.on("error", () => undefined)
  try {
    await client.connect()
    return [version(await client.info("server")), await evictionPolicy(client)]
  } catch (cause) {
    return [fail("redis", cause instanceof Error ? cause.message : String(cause), "start it, or correct REDIS_URL")]
  } finally {
    client.disconnect()
  }
}

const version = (info: string): Finding => {
  const valkey = /^valkey_version:(\S+)/m.exec(info)?.[1]
  if (valkey !== undefined) return ok("redis", `Valkey ${valkey}`)
  const redis = /^redis_version:(\S+)/m.exec(info)?.[1] ?? "unknown"
  if (Number.parseInt(redis, 10) >= versionMajorMin) return ok("redis", redis)
  return fail("redis", redis, `${versionMajorMin} or newer is needed`)
}

/** A queue's keys must never be evicted. Hosted Redis often forbids CONFIG; then INFO tells. */
const evictionPolicy = async (client: Redis): Promise<Finding> => {
  const policy = /^maxmemory_policy:(\S+)/m.exec(await client.info("memory"))?.[1]
  if (policy === undefined) return warn("redis eviction", "unknown", "make sure maxmemory-policy is noeviction")
  if (policy === "noeviction") return ok("redis eviction", policy)
  return fail("redis eviction", policy, "CONFIG SET maxmemory-policy noeviction: jobs live in Redis")
}
