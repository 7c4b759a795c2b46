import { Redacted } from "effect"
import pg from "pg"
import { defaultLimits } from "../../src/config/Limits.ts"
import { pgSettings } from "../../src/persistence/Database.ts"

/** A point as the JSON contestants send it. */
export interface JsonPoint {
  readonly seq: number
  readonly recordedAt: number
  readonly latE7: number
  readonly lngE7: number
  readonly speedCms: number
  readonly headingCdeg: number
  readonly accuracyCm: number
  readonly battery: number
  readonly source: string
}

const columns =
  "driver_id, device_no, seq, recorded_at, received_at, lat, lng, speed, heading, accuracy, battery, source"
const casts = [
  "uuid",
  "int",
  "bigint",
  "timestamptz",
  "timestamptz",
  "float8",
  "float8",
  "real",
  "real",
  "real",
  "smallint",
  "telemetry_source"
]

/** Parameters of one row, in the order of the columns. */
export const pointValues = (driverId: string, point: JsonPoint, receivedAt: number): ReadonlyArray<unknown> => [
  driverId,
  1,
  point.seq,
  new Date(point.recordedAt),
  new Date(receivedAt),
  point.latE7 / 1e7,
  point.lngE7 / 1e7,
  point.speedCms / 100,
  point.headingCdeg / 100,
  point.accuracyCm / 100,
  point.battery,
  point.source
]

/** INSERT of `rows` rows; PostgreSQL takes 65,535 parameters at most. */
export const insertSql = (rows: number): string => {
  const row = (i: number): string =>
    `(${casts.map((cast, column) => `$${i * casts.length + column + 1}::${cast}`).join(",")})`
  return `INSERT INTO driver_location_events (${columns}) VALUES ${Array.from({ length: rows }, (_, i) => row(i)).join(",")}`
}

/** Rows of the largest multi-row INSERT here: well below the limit of parameters. */
export const insertRowsMax = 1_000

/** A pool as large as the product's own, in the role that may insert. */
export const pointPool = (databaseUrl: string): pg.Pool =>
  new pg.Pool({
    ...pgSettings(Redacted.make(databaseUrl), "bench-json", "dropmate_writer"),
    max: defaultLimits.appConnectionsMax
  })
