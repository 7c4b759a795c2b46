import { Context, Effect, Layer, Redacted } from "effect"
import { Redis as RedisClient } from "ioredis"
import { Limits } from "../config/Limits.ts"

/** Where Redis is. */
export const RedisUrl = Context.Service<Redacted.Redacted>("dropmate/persistence/RedisUrl")

/** Every key of the cache, in one place. */
export const redisKeys = {
  /** Where a driver is, as JSON; read by other programs and after restarts. */
  driverLocation: (driverId: string): string => `driver:{${driverId}}:location`
} as const

/**
 * The cache's connection. Redis is a cache and a doorbell: a command that it cannot take fails at once instead of waiting,
 * and whoever sent it goes on without.
 */
export class Redis extends Context.Service<Redis, RedisClient>()("dropmate/persistence/Redis") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const url = yield* RedisUrl
      const limits = yield* Limits
      const run = Effect.runForkWith(yield* Effect.context())
      return yield* Effect.acquireRelease(
        Effect.sync(() => {
          const client = new RedisClient(Redacted.value(url), {
            connectionName: "dropmate-cache",
            commandTimeout: limits.redisCommandMs,
            maxRetriesPerRequest: 0,
            enableOfflineQueue: false,
            retryStrategy: (tries: number) => Math.min(tries * 100, 2_000)
          })
          let isDown = false
          // ioredis reports every failed attempt; one line for each outage is enough.
          client.on("error", (error: Error) => {
            if (isDown) return
            isDown = true
            run(Effect.logWarning("redis_away", error.message))
          })
          client.on("ready", () => {
            if (isDown) run(Effect.logInfo("redis_back"))
            isDown = false
          })
          return client
        }),
        (client) => Effect.sync(() => client.disconnect())
      )
    })
  )
}
