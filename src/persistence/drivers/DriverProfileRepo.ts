import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { theRow, theRowAt } from "../RowAbsent.ts"

/** What a driver drives and may do. */
export interface DriverProfileRow {
  readonly driver_id: string
  readonly vehicle_id: string | null
  readonly vehicle_preference: string | null
  readonly license: unknown
  readonly service_region: unknown
  readonly version: number
  readonly updated_at: Date
}

/** What may be changed of a profile; a key that is absent stays as it is. */
export interface ProfileChange {
  readonly vehicle_id?: string | null
  readonly vehicle_preference?: string | null
  readonly license?: Readonly<Record<string, unknown>>
  readonly service_region?: unknown
}

/** A phone that a driver has used. */
export interface DeviceRow {
  readonly id: string
  readonly platform: string
  readonly device_identifier: string
  readonly has_push_token: boolean
  readonly created_at: Date
  readonly last_seen_at: Date
}

/** One life of a phone's connection. */
export interface DriverSessionRow {
  readonly id: string
  readonly device_id: string
  readonly app_version: string | null
  readonly capabilities: ReadonlyArray<string>
  readonly node: string
  readonly started_at: Date
  readonly last_seen: Date
  readonly ended_at: Date | null
  readonly end_code: number | null
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  const profile = Effect.fn("DriverProfileRepo.profile")(function* (id: string) {
    const rows =
      yield* sql<DriverProfileRow>`SELECT p.driver_id, p.vehicle_id, p.vehicle_preference, p.license, p.service_region,
        p.version::integer AS version, p.updated_at
      FROM driver_profiles p JOIN drivers d ON d.id = p.driver_id WHERE d.id = ${id} AND d.deleted_at IS NULL`
    return yield* theRow("driver", id, rows)
  })

  const updateProfile = Effect.fn("DriverProfileRepo.updateProfile")(function* (
    id: string,
    change: ProfileChange,
    expectedVersion?: number
  ) {
    const locked = yield* sql<{ version: number }>`SELECT p.version::integer AS version
      FROM driver_profiles p JOIN drivers d ON d.id = p.driver_id WHERE d.id = ${id} AND d.deleted_at IS NULL FOR UPDATE OF p`
    yield* theRowAt("driver", id, expectedVersion, locked)
    const { license, service_region: region, ...plain } = change
    if (Object.keys(plain).length > 0)
      yield* sql`UPDATE driver_profiles SET ${sql.update({ ...plain })} WHERE driver_id = ${id}`
    if (license !== undefined) {
      yield* sql`UPDATE driver_profiles SET license = ${JSON.stringify(license)}::text::jsonb WHERE driver_id = ${id}`
    }
    if (region !== undefined) {
      const text = region === null ? null : JSON.stringify(region)
      yield* sql`UPDATE driver_profiles SET service_region = ${text}::text::jsonb WHERE driver_id = ${id}`
    }
    return yield* profile(id)
  })

  const devices = Effect.fn("DriverProfileRepo.devices")(function* (id: string) {
    return yield* sql<DeviceRow>`SELECT id, platform, device_identifier, push_token IS NOT NULL AS has_push_token, created_at, last_seen_at
      FROM driver_devices WHERE driver_id = ${id} ORDER BY device_no`
  })

  const sessions = Effect.fn("DriverProfileRepo.sessions")(function* (
    id: string,
    afterId: string | undefined,
    limit: number
  ) {
    return yield* sql<DriverSessionRow>`SELECT id, device_id, app_version, capabilities, node, started_at, last_seen, ended_at, end_code
      FROM driver_sessions WHERE driver_id = ${id} AND (${afterId ?? null}::uuid IS NULL OR id < ${afterId ?? null}::uuid)
      ORDER BY id DESC LIMIT ${limit}`
  })

  return { profile, updateProfile, devices, sessions }
})

/** Keeps drivers' profiles, and reads the phones and sessions that the gateway keeps. */
export class DriverProfileRepo extends Context.Service<DriverProfileRepo>()(
  "dropmate/persistence/drivers/DriverProfileRepo",
  {
    make
  }
) {
  static readonly layer = Layer.effect(this, this.make)
}
