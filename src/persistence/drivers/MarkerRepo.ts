import { Context, Effect, Layer } from "effect"
import type { SqlError } from "effect/sql"
import { SystemDatabase } from "../Database.ts"
import type { Marker } from "../ingest/IngestDevice.ts"

interface MarkerRow {
  readonly driver_id: string
  readonly recorded_at: Date
  readonly received_at: Date
  readonly lat: number
  readonly lng: number
  readonly speed: number | null
  readonly heading: number | null
  readonly accuracy: number | null
}

/** Where drivers are by what is committed: what a node knows of drivers that are connected elsewhere, or to none. */
export class MarkerRepo extends Context.Service<
  MarkerRepo,
  {
    /** The committed markers of some drivers; those without one are left out. */
    readonly latest: (driverIds: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, Marker>, SqlError.SqlError>
  }
>()("dropmate/persistence/drivers/MarkerRepo") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const sql = yield* SystemDatabase
      return {
        latest: (driverIds) =>
          sql<MarkerRow>`SELECT driver_id, recorded_at, received_at, lat, lng, speed, heading, accuracy
            FROM active_driver_locations
            WHERE driver_id IN (SELECT jsonb_array_elements_text(${JSON.stringify(driverIds)}::text::jsonb)::uuid)`.pipe(
            Effect.map((rows) => new Map(rows.map((row) => [row.driver_id, markerOf(row)])))
          )
      }
    })
  )
}

const scaled = (value: number | null, factor: number): number =>
  value === null ? Number.NaN : Math.round(value * factor)

const markerOf = (row: MarkerRow): Marker => ({
  recordedAt: row.recorded_at.getTime(),
  receivedAt: row.received_at.getTime(),
  latE7: Math.round(row.lat * 1e7),
  lngE7: Math.round(row.lng * 1e7),
  speedCms: scaled(row.speed, 100),
  headingCdeg: scaled(row.heading, 100),
  accuracyCm: scaled(row.accuracy, 100)
})
