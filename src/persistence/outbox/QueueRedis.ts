import { Context, Effect, Layer, Redacted } from "effect"
import { Redis as RedisClient } from "ioredis"
import { Limits } from "../../config/Limits.ts"
import { QueueRedisUrl } from "./QueuePolicy.ts"

/**
 * The connections of Redis as a queue: one that adds jobs, whose commands fail at once while Redis is away, and one that workers
 * wait on (they make another like it), whose commands wait until it is back.
 */
export class QueueRedis extends Context.Service<
  QueueRedis,
  { readonly producer: RedisClient; readonly worker: RedisClient }
>()("dropmate/persistence/outbox/QueueRedis") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const url = yield* QueueRedisUrl
      const limits = yield* Limits
      const run = Effect.runForkWith(yield* Effect.context())
      const retryStrategy = (tries: number) => Math.min(tries * 100, 2_000)
      const open = (make: (url: string) => RedisClient) =>
        Effect.acquireRelease(
          Effect.sync(() => make(Redacted.value(url))),
          (client) => Effect.sync(() => client.disconnect())
        )
      const producer = yield* open(
        (address) =>
          new RedisClient(address, {
            connectionName: "dropmate-queue",
            commandTimeout: limits.redisCommandMs,
            maxRetriesPerRequest: 0,
            enableOfflineQueue: false,
            retryStrategy
          })
      )
      const worker = yield* open(
        (address) =>
          new RedisClient(address, { connectionName: "dropmate-jobs", maxRetriesPerRequest: null, retryStrategy })
      )
      let isDown = false
      // Both lose the same server; one line for each outage is enough.
      producer.on("error", (error: Error) => {
        if (isDown) return
        isDown = true
        run(Effect.logWarning("queue_away", error.message))
      })
      producer.on("ready", () => {
        if (isDown) run(Effect.logInfo("queue_back"))
        isDown = false
      })
      worker.on("error", () => undefined)
      return { producer, worker }
    })
  )
}
