import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { earthRadiusM } from "../../domain/Geo.ts"
import type { GeoBox } from "../../domain/GeoBox.ts"

/** Where a driver is, by the newest committed point that moves the marker. */
export interface MarkerRow {
  readonly driver_id: string
  readonly lat: number
  readonly lng: number
  readonly recorded_at: Date
  readonly received_at: Date
  readonly speed: number | null
  readonly heading: number | null
  readonly accuracy: number | null
}

/** A marker and how far it is from the place that was asked about, metres. */
export interface NearMarkerRow extends MarkerRow {
  readonly name: string
  readonly duty: string | null
  readonly distance_m: number
}

/** One stored point. */
export interface TrailRow {
  readonly seq: number | null
  readonly device_no: number
  readonly recorded_at: Date
  readonly received_at: Date
  /** Microseconds since 1970, as text: a Date would round what the order of a page depends on. */
  readonly recorded_us: string
  readonly received_us: string
  readonly lat: number
  readonly lng: number
  readonly speed: number | null
  readonly heading: number | null
  readonly accuracy: number | null
  readonly flags: number
}

/** After which point a page begins. */
export interface TrailPosition {
  readonly recordedUs: string
  readonly deviceNo: number
  readonly seq: number
  readonly receivedUs: string
}

/** Which part of a trail. Times are inclusive. */
export interface TrailRange {
  readonly driverId: string
  readonly from: Date | undefined
  readonly to: Date | undefined
  readonly after: TrailPosition | undefined
  readonly limit: number
}

/** Who is near, at most `limit`, the nearest first. */
export interface NearQuery {
  readonly lat: number
  readonly lng: number
  readonly radiusM: number
  readonly box: GeoBox
  /** Undefined: however old. */
  readonly recordedAfter: Date | undefined
  readonly limit: number
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  const marker = Effect.fn("LocationRepo.marker")(function* (driverId: string) {
    const rows = yield* sql<MarkerRow>`SELECT driver_id, lat, lng, recorded_at, received_at, speed, heading, accuracy
      FROM active_driver_locations WHERE driver_id = ${driverId}`
    return rows[0]
  })

  const trail = Effect.fn("LocationRepo.trail")(function* (range: TrailRange) {
    const after = range.after
    const fromUs = after?.recordedUs ?? null
    return yield* sql<TrailRow>`SELECT seq::float8 AS seq, coalesce(device_no, 0) AS device_no, recorded_at, received_at,
        (extract(epoch FROM recorded_at) * 1000000)::bigint::text AS recorded_us,
        (extract(epoch FROM received_at) * 1000000)::bigint::text AS received_us,
        lat, lng, speed, heading, accuracy, flags
      FROM driver_points
      WHERE driver_id = ${range.driverId}
        AND recorded_at >= coalesce(${range.from ?? null}::timestamptz, '-infinity')
        AND recorded_at <= coalesce(${range.to ?? null}::timestamptz, 'infinity')
        AND (${fromUs}::text IS NULL OR (
          recorded_at >= timestamptz 'epoch' + ${fromUs}::text::bigint * interval '1 microsecond'
          AND (recorded_at, coalesce(device_no, 0), coalesce(seq, 0), received_at) > (
            timestamptz 'epoch' + ${fromUs}::text::bigint * interval '1 microsecond',
            ${after?.deviceNo ?? 0}::integer, ${String(after?.seq ?? 0)}::text::bigint,
            timestamptz 'epoch' + ${after?.receivedUs ?? "0"}::text::bigint * interval '1 microsecond')))
      ORDER BY recorded_at, coalesce(device_no, 0), coalesce(seq, 0), received_at
      LIMIT ${range.limit}`
  })

  // The box finds devices that were near; a driver counts by the newest of all their devices. No index on the markers: it
  // would end the HOT updates that the ingest transaction lives on (99.8 % of cursors), and 100,000 rows scan in 15 ms.
  const near = Effect.fn("LocationRepo.near")(function* (query: NearQuery) {
    const { south, north, west, east } = query.box
    return yield* sql<NearMarkerRow>`WITH candidate AS (
        SELECT DISTINCT driver_id FROM driver_ingest_cursors
        WHERE marker_lat BETWEEN ${south} AND ${north}
          AND CASE WHEN ${west}::float8 <= ${east}::float8 THEN marker_lng BETWEEN ${west} AND ${east}
              ELSE marker_lng >= ${west} OR marker_lng <= ${east} END
          AND marker_recorded_at >= coalesce(${query.recordedAfter ?? null}::timestamptz, '-infinity')
      ), newest AS (
        SELECT m.* FROM candidate c CROSS JOIN LATERAL (
          SELECT driver_id, marker_lat AS lat, marker_lng AS lng, marker_recorded_at AS recorded_at, marker_received_at AS received_at,
            marker_speed AS speed, marker_heading AS heading, marker_accuracy AS accuracy
          FROM driver_ingest_cursors i WHERE i.driver_id = c.driver_id AND i.marker_recorded_at IS NOT NULL
          ORDER BY i.marker_recorded_at DESC, i.marker_received_at DESC, i.device_no DESC LIMIT 1) m
      ), measured AS (
        SELECT n.*, 2 * ${earthRadiusM}::float8 * asin(least(1, sqrt(
          power(sin(radians(n.lat - ${query.lat}::float8) / 2), 2)
          + cos(radians(${query.lat}::float8)) * cos(radians(n.lat)) * power(sin(radians(n.lng - ${query.lng}::float8) / 2), 2)))) AS distance_m
        FROM newest n
      )
      SELECT m.*, u.name, d.duty
      FROM measured m JOIN drivers d ON d.id = m.driver_id JOIN users u ON u.id = d.user_id
      WHERE m.distance_m <= ${query.radiusM}::float8 AND d.deleted_at IS NULL AND d.employment_status IN ('active', 'invited')
      ORDER BY m.distance_m, m.driver_id LIMIT ${query.limit}`
  })

  return { marker, trail, near }
})

/** Reads where drivers are and were. The telemetry writer alone writes it. */
export class LocationRepo extends Context.Service<LocationRepo>()("dropmate/persistence/drivers/LocationRepo", {
  make
}) {
  static readonly layer = Layer.effect(this, this.make)
}
