import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { theRow, theRowAt } from "../RowAbsent.ts"
import { orValueTaken } from "../ValueTaken.ts"

/** A driver with their user, as rows tell it. */
export interface DriverRow {
  readonly id: string
  readonly user_id: string
  readonly email: string | null
  readonly phone: string | null
  readonly name: string
  readonly employment_status: string
  readonly duty: string | null
  readonly duty_changed_at: Date | null
  readonly vehicle_id: string | null
  readonly version: number
  readonly created_at: Date
  readonly updated_at: Date
}

/** A driver, their user and perhaps their vehicle, made at once. */
export interface NewDriver {
  readonly id: string
  readonly userId: string
  readonly email: string
  readonly phone: string | null
  readonly name: string
  /** Undefined: invited, until they set one. */
  readonly passwordHash: string | undefined
  readonly vehicleId: string | null
  readonly grantedBy: string
}

/** What may be changed of a driver; a key that is absent stays as it is. */
export interface DriverChange {
  readonly name?: string
  readonly phone?: string | null
  readonly email?: string
  readonly employment_status?: string
}

/** Which drivers to list. */
export interface DriverFilter {
  readonly employmentStatus?: string | undefined
  readonly duty?: string | undefined
  readonly text?: string | undefined
  readonly afterId?: string | undefined
  readonly limit: number
}

/** Whom a provisioned token is for. */
export interface TokenDriverRow {
  readonly id: string
  readonly user_id: string
  readonly employment_status: string
  readonly roles: ReadonlyArray<string>
  readonly customer_id: string | null
}

const likePattern = (text: string): string => `%${text.replace(/[\\%_]/g, (special) => `\\${special}`)}%`

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = sql`d.id, d.user_id, u.email, u.phone, u.name, d.employment_status, d.duty, d.duty_changed_at, p.vehicle_id,
    d.version::integer AS version, d.created_at, d.updated_at`
  const joins = sql`FROM drivers d JOIN users u ON u.id = d.user_id LEFT JOIN driver_profiles p ON p.driver_id = d.id`

  const get = Effect.fn("DriverRepo.get")(function* (id: string) {
    const rows = yield* sql<DriverRow>`SELECT ${columns} ${joins} WHERE d.id = ${id} AND d.deleted_at IS NULL`
    return yield* theRow("driver", id, rows)
  })

  const list = Effect.fn("DriverRepo.list")(function* (filter: DriverFilter) {
    const pattern = filter.text === undefined ? null : likePattern(filter.text)
    return yield* sql<DriverRow>`SELECT ${columns} ${joins}
      WHERE d.deleted_at IS NULL
        AND (${filter.employmentStatus ?? null}::text IS NULL OR d.employment_status = ${filter.employmentStatus ?? null})
        AND (${filter.duty ?? null}::text IS NULL OR d.duty = ${filter.duty ?? null})
        AND (${pattern}::text IS NULL OR u.name ILIKE ${pattern} OR u.email ILIKE ${pattern})
        AND (${filter.afterId ?? null}::uuid IS NULL OR d.id > ${filter.afterId ?? null}::uuid)
      ORDER BY d.id LIMIT ${filter.limit}`
  })

  /** One statement for five tables: 1,000 drivers a minute are a matter of round trips. */
  const insert = Effect.fn("DriverRepo.insert")(function* (driver: NewDriver) {
    const status = driver.passwordHash === undefined ? "invited" : "active"
    yield* sql`WITH person AS (
        INSERT INTO users (id, email, phone, name, password_hash, role, status)
        VALUES (${driver.userId}, ${driver.email}, ${driver.phone}, ${driver.name}, ${driver.passwordHash ?? null}, 'driver', ${status})
        RETURNING id
      ), granted AS (
        INSERT INTO user_roles (user_id, role, granted_by) SELECT id, 'driver', ${driver.grantedBy}::uuid FROM person
      ), made AS (
        INSERT INTO drivers (id, user_id, employment_status) SELECT ${driver.id}::uuid, id, ${status} FROM person RETURNING id
      )
      INSERT INTO driver_profiles (driver_id, vehicle_id) SELECT id, ${driver.vehicleId}::uuid FROM made`
  }, orValueTaken)

  const lock = (id: string) =>
    sql<{ user_id: string; version: number }>`SELECT user_id, version::integer AS version FROM drivers
      WHERE id = ${id} AND deleted_at IS NULL FOR UPDATE`

  const update = Effect.fn("DriverRepo.update")(function* (id: string, change: DriverChange, expectedVersion?: number) {
    const { user_id: userId } = yield* theRowAt("driver", id, expectedVersion, yield* lock(id))
    const { employment_status: status, ...person } = change
    if (Object.keys(person).length > 0) yield* sql`UPDATE users SET ${sql.update({ ...person })} WHERE id = ${userId}`
    // Also when only the user's columns changed: the version that ETag speaks of is the driver's.
    if (Object.keys(change).length > 0) {
      yield* sql`UPDATE drivers SET employment_status = coalesce(${status ?? null}, employment_status) WHERE id = ${id}`
    }
    return yield* get(id)
  }, orValueTaken)

  /**
   * Ends a driver: the row stays, since telemetry and deliveries refer to it. A user who is nothing but this driver goes
   * with it, which frees the e-mail address.
   */
  const remove = Effect.fn("DriverRepo.remove")(function* (id: string, expectedVersion?: number) {
    const { user_id: userId } = yield* theRowAt("driver", id, expectedVersion, yield* lock(id))
    yield* sql`UPDATE drivers SET deleted_at = now(), employment_status = 'terminated' WHERE id = ${id}`
    yield* sql`UPDATE driver_profiles SET vehicle_id = NULL WHERE driver_id = ${id} AND vehicle_id IS NOT NULL`
    yield* sql`DELETE FROM user_roles WHERE user_id = ${userId} AND role = 'driver'`
    yield* sql`UPDATE users SET deleted_at = now()
      WHERE id = ${userId} AND NOT EXISTS (SELECT FROM user_roles r WHERE r.user_id = ${userId})`
    return userId
  })

  /** In the order of `ids`; an unknown id is left out. */
  const forTokens = Effect.fn("DriverRepo.forTokens")(function* (ids: ReadonlyArray<string>) {
    return yield* sql<TokenDriverRow>`SELECT d.id, d.user_id, d.employment_status, c.id AS customer_id,
        (SELECT coalesce(array_agg(r.role), '{}') FROM user_roles r WHERE r.user_id = d.user_id) AS roles
      FROM unnest(${ids}::uuid[]) WITH ORDINALITY AS wanted(id, position)
      JOIN drivers d ON d.id = wanted.id AND d.deleted_at IS NULL
      JOIN users u ON u.id = d.user_id AND u.status <> 'disabled' AND u.deleted_at IS NULL
      LEFT JOIN customers c ON c.user_id = d.user_id AND c.deleted_at IS NULL
      ORDER BY wanted.position`
  })

  return { get, list, insert, update, remove, forTokens }
})

/** Keeps drivers. */
export class DriverRepo extends Context.Service<DriverRepo>()("dropmate/persistence/drivers/DriverRepo", { make }) {
  static readonly layer = Layer.effect(this, this.make)
}
