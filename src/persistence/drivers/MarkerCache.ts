import { Context, Duration, Effect, Latch, Layer, Metric } from "effect"
import { Limits } from "../../config/Limits.ts"
import type { Marker } from "../ingest/IngestDevice.ts"
import { Redis, redisKeys } from "../Redis.ts"

/**
 * Writes markers, each unless a newer one is there. The cluster's nodes write without order, and a marker must never go back.
 * KEYS the drivers' keys; ARGV[1] time to live in ms, then for each key recordedAt ms, receivedAt ms and the JSON.
 * One call for many: a call for each marker cost the server and Redis several times the CPU. The two times are read off the
 * front of the text, where `markerJson` puts them: decoding the whole of it made a marker 25 % dearer for Redis.
 */
const putNewer = `
for i, key in ipairs(KEYS) do
  local at = 3 * i - 1
  local old = redis.call('GET', key)
  local isNewer = true
  if old then
    local wasRecorded, wasReceived = string.match(old, '^{"recorded_at":(%d+),"received_at":(%d+)')
    wasRecorded = tonumber(wasRecorded)
    local recorded = tonumber(ARGV[at])
    -- What nobody of us wrote is overwritten.
    isNewer = wasRecorded == nil or wasRecorded < recorded
      or (wasRecorded == recorded and tonumber(wasReceived) <= tonumber(ARGV[at + 1]))
  end
  if isNewer then redis.call('SET', key, ARGV[at + 2], 'PX', ARGV[1]) end
end
return #KEYS`

/** Markers of one call of the script: few enough that Redis answers others in between. */
const markersPerCall = 256

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
>()("dropmate/persistence/drivers/MarkerCache") {
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
          const all = [...batch]
          for (let from = 0; from < all.length; from += markersPerCall) {
            const some = all.slice(from, from + markersPerCall)
            pipeline.eval(
              putNewer,
              some.length,
              ...some.map(([driverId]) => redisKeys.driverLocation(driverId)),
              limits.markerTtlMs,
              ...some.flatMap(([, marker]) => [marker.recordedAt, marker.receivedAt, markerJson(marker)])
            )
          }
          // exec itself succeeds when a call was answered with an error.
          for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error
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

/** `putNewer` reads the two times at its front: they stay there. */
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
