import { Redis } from "ioredis"
import { defaultLimits } from "../../config/Limits.ts"
import { evictionPolicyOf, keepingPolicy } from "../../persistence/outbox/QueuePolicy.ts"
import { type Finding, fail, ok, warn } from "./Examination.ts"

const versionMajorMin = 7

/** What a Redis is for: places that come back by themselves, or jobs that must not get lost. */
export type RedisRole = "cache" | "queue"

const variable = (roles: ReadonlyArray<RedisRole>): string =>
  roles.includes("cache") ? "REDIS_URL" : "QUEUE_REDIS_URL"

/** Looks at Redis (or Valkey) in its roles. `check` is what its findings are called. Changes nothing. */
export const examineRedis = async (
  check: string,
  url: string,
  roles: ReadonlyArray<RedisRole>
): Promise<ReadonlyArray<Finding>> => {
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
    const policy = await evictionPolicyOf(client)
    return [version(check, await client.info("server")), evictionFinding(`${check} eviction`, policy, roles)]
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    return [fail(check, reason, `start it, or correct ${variable(roles)}`)]
  } finally {
    client.disconnect()
  }
}

const version = (check: string, info: string): Finding => {
  const valkey = /^valkey_version:(\S+)/m.exec(info)?.[1]
  if (valkey !== undefined) return ok(check, `Valkey ${valkey}`)
  const redis = /^redis_version:(\S+)/m.exec(info)?.[1] ?? "unknown"
  if (Number.parseInt(redis, 10) >= versionMajorMin) return ok(check, redis)
  return fail(check, redis, `${versionMajorMin} or newer is needed`)
}

/** A queue's keys must never be evicted; a cache's may be. */
const evictionFinding = (check: string, policy: string | undefined, roles: ReadonlyArray<RedisRole>): Finding => {
  if (!roles.includes("queue")) return ok(check, `${policy ?? "unknown"} (a cache may forget)`)
  if (policy === undefined) return warn(check, "unknown", `make sure that maxmemory-policy is ${keepingPolicy}`)
  if (policy === keepingPolicy) return ok(check, policy)
  const advice = `CONFIG SET maxmemory-policy ${keepingPolicy}, or let QUEUE_REDIS_URL name another Redis: jobs would get lost, and serve refuses to start`
  return fail(check, policy, advice)
}
