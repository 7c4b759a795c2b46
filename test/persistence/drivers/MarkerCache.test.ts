import { Effect, Layer, Redacted, Schedule } from "effect"
import { afterEach, beforeEach, expect, test } from "vitest"
import { MarkerCache } from "../../../src/persistence/drivers/MarkerCache.ts"
import type { Marker } from "../../../src/persistence/ingest/IngestDevice.ts"
import { Redis, RedisUrl, redisKeys } from "../../../src/persistence/Redis.ts"
import { type FreshRedis, freshRedis } from "../../kit/TestServices.ts"

let fresh: FreshRedis
beforeEach(async () => {
  fresh = await freshRedis()
})
afterEach(() => fresh.drop())

const markerAt = (recordedAt: number): Marker => ({
  recordedAt,
  receivedAt: recordedAt,
  latE7: 377_000_000,
  lngE7: -1_224_000_000,
  speedCms: 1_100,
  headingCdeg: Number.NaN,
  accuracyCm: 500
})

test("more markers than one call takes are all written, and one that is older than Redis' own is not", async () => {
  const drivers = Array.from({ length: 600 }, (_, i) => `driver-${i}`)
  const program = Effect.gen(function* () {
    const cache = yield* MarkerCache
    const redis = yield* Redis
    const keys = drivers.map(redisKeys.driverLocation)
    yield* Effect.tryPromise(() => redis.ping()).pipe(
      Effect.retry(Schedule.spaced("20 millis")),
      Effect.timeout("10 seconds")
    )
    // Another node knows a newer place of the first driver.
    yield* Effect.promise(() =>
      redis.set(keys[0] as string, JSON.stringify({ recorded_at: 9_000, received_at: 9_000 }))
    )
    for (const driver of drivers) cache.put(driver, markerAt(5_000))
    const read = Effect.promise(() => redis.mget(keys))
    const isWhole = (values: ReadonlyArray<string | null>): boolean => values.every((value) => value !== null)
    const values = yield* read.pipe(Effect.repeat({ until: isWhole }), Effect.timeout("10 seconds"))
    return values.map((value) => JSON.parse(value as string).recorded_at)
  })
  const redis = Redis.layer.pipe(Layer.provide(Layer.succeed(RedisUrl, Redacted.make(fresh.url))))
  const [first, ...others] = await Effect.runPromise(
    program.pipe(Effect.provide(MarkerCache.layer.pipe(Layer.provideMerge(redis))))
  )
  expect(first).toBe(9_000)
  expect(new Set(others)).toEqual(new Set([5_000]))
})
