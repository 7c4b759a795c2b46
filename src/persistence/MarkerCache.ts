import { Context, Duration, Effect, Latch, Layer, Metric } from "effect"
import { Limits } from "../config/Limits.ts"
import type { Marker } from "./IngestDevice.ts"
import { Redis, redisKeys } from "./Redis.ts"

/**
 * Writes a marker unless a newer one is there. The cluster's nodes write without order, and a marker must never go back.
 * KEYS[1] the driver's key; ARGV[1] recordedAt ms, ARGV[2] receivedAt ms, ARGV[3] the JSON, ARGV[4] time to live in ms.
 * Returns 1 when written.
 */
const putNewer = `
local old = redis.call('GET', KEYS[1])
if old then
  local was = cjson.decode(old)
  local recorded, received = tonumber(ARGV[1]), tonumber(ARGV[2])
  if was.recorded_at > recorded or (was.recorded_at == recorded and was.received_at > received) then return 0 end
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1`

const writes = (outcome: "written" | "failed") =>
  Metric.counter("dropmate_marker_cache_writes_total", {
    incremental: true,
    attributes: { outcome },
    description: "Driver markers written to Redis, or given up while it was away"
  })

/**
 * Redis `driver:{id}:location`: the latest place of each driver for other readers. Written behind the commit by one fiber,
 * newest only per driver, so a slow Redis costs nothing but freshness; away, what it would have heard is forgotten.
 */
export class MarkerCache extends Context.Service<
  MarkerCache,
  {
    /** Notes a driver's place to be written with the next round. Never waits. */
    readonly put: (driverId: string, marker: Marker) => void
  }
>()("dropmate/persistence/MarkerCache") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const redis = yield* Redis
      const limits = yield* Limits
      const hasWork = Latch.makeUnsafe(false)
      let waiting = new Map<string, Marker>()

      const write = (batch: ReadonlyMap<string, Marker>) =>
        Effect.tryPromise(async () => {
          const pipeline = redis.pipeline()
          for (const [driverId, marker] of batch) {
            pipeline.eval(
              putNewer,
              1,
              redisKeys.driverLocation(driverId),
              marker.recordedAt,
              marker.receivedAt,
              markerJson(marker),
              limits.markerTtlMs
            )
          }
          await pipeline.exec()
        })

      yield* Effect.gen(function* () {
        yield* hasWork.await
        hasWork.closeUnsafe()
        const batch = waiting
        waiting = new Map()
        yield* write(batch).pipe(
          Effect.andThen(Metric.update(writes("written"), batch.size)),
          Effect.catch(() => Effect.andThen(Metric.update(writes("failed"), batch.size), Effect.sleep("500 millis")))
        )
        yield* Effect.sleep(Duration.millis(limits.markerCacheEveryMs))
      }).pipe(Effect.forever, Effect.forkScoped)

      return {
        put: (driverId, marker) => {
          const noted = waiting.get(driverId)
          if (noted !== undefined && noted.recordedAt > marker.recordedAt) return
          if (waiting.size >= limits.redisMarkersPerFlushMax && noted === undefined) return
          waiting.set(driverId, marker)
          hasWork.openUnsafe()
        }
      }
    })
  )
}

const known = (value: number, factor: number): number | null => (Number.isNaN(value) ? null : value / factor)

const markerJson = (marker: Marker): string =>
  JSON.stringify({
    recorded_at: marker.recordedAt,
    received_at: marker.receivedAt,
    lat: marker.latE7 / 1e7,
    lng: marker.lngE7 / 1e7,
    speed_mps: known(marker.speedCms, 100),
    heading_deg: known(marker.headingCdeg, 100),
    accuracy_m: known(marker.accuracyCm, 100)
  })
