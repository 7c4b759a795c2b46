import { Context, Effect, Redacted, Schema } from "effect"
import { Redis as RedisClient } from "ioredis"
import { Limits } from "../../config/Limits.ts"

/**
 * Where the job queue lives: the cache's server, or one of its own. Keys of the cache begin with `driver:` and those of the queue
 * do not, so the two roles may share a numbered database.
 */
export const QueueRedisUrl = Context.Service<Redacted.Redacted>("dropmate/persistence/QueueRedisUrl")

/** The queue's Redis may throw keys away, and with them jobs. Retry: never; the server's setting has to change. */
export class QueueMayBeEvicted extends Schema.TaggedError<QueueMayBeEvicted>()("QueueMayBeEvicted", {
  address: Schema.String,
  policy: Schema.String
}) {
  override get message(): string {
    return `Redis at ${this.address} has maxmemory-policy ${this.policy} and may throw jobs away: set it to noeviction there, or let QUEUE_REDIS_URL name a Redis that has it`
  }
}

/** The one policy under which Redis refuses new keys instead of throwing old ones away. */
export const keepingPolicy = "noeviction"

/** `maxmemory-policy` of a server; undefined when it does not tell. Hosted Redis often forbids CONFIG, so INFO is asked. */
export const evictionPolicyOf = async (client: RedisClient): Promise<string | undefined> =>
  /^maxmemory_policy:(\S+)/m.exec(await client.info("memory"))?.[1]

/** Host, port and database of a URL, without its password. */
const addressOf = (text: string): string => {
  const url = URL.parse(text)
  if (url === null) return "the given address"
  const { hostname, port, pathname } = url
  return `${hostname}:${port === "" ? "6379" : port}${pathname === "/" ? "" : pathname}`
}

/** Asks once over a connection of its own; undefined also when it does not answer. */
const askPolicy = async (url: string, timeoutMs: number): Promise<string | undefined> => {
  const client = new RedisClient(url, {
    connectionName: "dropmate-queue-policy",
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null
  })
  // Without a listener ioredis prints what `connect` rejects with as well.
  client.on("error", () => undefined)
  try {
    await client.connect()
    return await evictionPolicyOf(client)
  } catch {
    return undefined
  } finally {
    client.disconnect()
  }
}

/**
 * Refuses a queue whose jobs Redis may throw away. A Redis that is away, or does not tell its policy, stops nobody: points are
 * taken without it. That it could not be asked is logged, and `doctor` asks again.
 */
export const requireKeepingQueue = Effect.fn("QueuePolicy.requireKeeping")(function* (url: Redacted.Redacted) {
  const { redisCommandMs } = yield* Limits
  const text = Redacted.value(url)
  const policy = yield* Effect.promise(() => askPolicy(text, redisCommandMs))
  if (policy === undefined) {
    yield* Effect.logWarning("queue_policy_unknown", { address: addressOf(text) })
    return
  }
  if (policy !== keepingPolicy) return yield* new QueueMayBeEvicted({ address: addressOf(text), policy })
})
