import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { theRow, theRowAt } from "../RowAbsent.ts"
import { orValueTaken } from "../ValueTaken.ts"

/** The last enabled administrator cannot lose the role or be disabled: nobody could undo it. Retry: never. */
export class LastAdmin extends Schema.TaggedError<LastAdmin>()("LastAdmin", { userId: Schema.String }) {}

/** A user as rows tell it. */
export interface UserRow {
  readonly id: string
  readonly email: string | null
  readonly phone: string | null
  readonly name: string
  readonly role: string
  readonly status: string
  readonly version: number
  readonly created_at: Date
  readonly updated_at: Date
  readonly roles: ReadonlyArray<string>
  readonly driver_id: string | null
  readonly employment_status: string | null
  readonly customer_id: string | null
}

/** What a login needs. */
export interface CredentialsRow {
  readonly id: string
  readonly password_hash: string | null
  readonly status: string
}

/** A user with an account of their own, and the customer they are. */
export interface NewCustomer {
  readonly userId: string
  readonly customerId: string
  readonly email: string
  readonly name: string
  readonly phone: string | undefined
  readonly passwordHash: string
}

/** What may be changed of a user; a key that is absent stays as it is. */
export interface UserChange {
  readonly name?: string
  readonly phone?: string | null
  readonly status?: string
  readonly password_hash?: string
}

/** Which users to list. */
export interface UserFilter {
  readonly role?: string | undefined
  readonly status?: string | undefined
  readonly email?: string | undefined
  readonly afterId?: string | undefined
  readonly limit: number
}

// The lock makes two administrators who remove each other at once take turns; the second one is refused.
const refuseWithoutAdmin = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, id: string) {
  yield* sql`SELECT pg_advisory_xact_lock(hashtext('dropmate'), hashtext('last_admin'))`
  const left = yield* sql<{
    count: number
  }>`SELECT count(*)::integer AS count FROM user_roles r JOIN users u ON u.id = r.user_id
    WHERE r.role = 'admin' AND u.status <> 'disabled' AND u.deleted_at IS NULL`
  if ((left[0]?.count ?? 0) === 0) return yield* new LastAdmin({ userId: id })
})

const makeGrants = <E, R>(sql: SqlClient.SqlClient, get: (id: string) => Effect.Effect<UserRow, E, R>) => {
  const grant = Effect.fn("UserRepo.grant")(function* (id: string, role: string, grantedBy: string) {
    yield* get(id)
    yield* sql`INSERT INTO user_roles (user_id, role, granted_by) VALUES (${id}, ${role}, ${grantedBy}) ON CONFLICT DO NOTHING`
    return yield* get(id)
  })

  const revokeGrant = Effect.fn("UserRepo.revokeGrant")(function* (id: string, role: string) {
    yield* get(id)
    const gone = yield* sql<{
      role: string
    }>`DELETE FROM user_roles WHERE user_id = ${id} AND role = ${role} RETURNING role`
    if (gone.length > 0 && role === "admin") yield* refuseWithoutAdmin(sql, id)
    return gone.length > 0
  })

  return { grant, revokeGrant }
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = sql`u.id, u.email, u.phone, u.name, u.role, u.status, u.version::integer AS version, u.created_at, u.updated_at,
    coalesce((SELECT array_agg(r.role ORDER BY r.role) FROM user_roles r WHERE r.user_id = u.id), '{}') AS roles,
    d.id AS driver_id, d.employment_status, c.id AS customer_id`
  const joins = sql`FROM users u
    LEFT JOIN drivers d ON d.user_id = u.id AND d.deleted_at IS NULL
    LEFT JOIN customers c ON c.user_id = u.id AND c.deleted_at IS NULL`

  const get = Effect.fn("UserRepo.get")(function* (id: string) {
    return yield* theRow(
      "user",
      id,
      yield* sql<UserRow>`SELECT ${columns} ${joins} WHERE u.id = ${id} AND u.deleted_at IS NULL`
    )
  })

  const list = Effect.fn("UserRepo.list")(function* (filter: UserFilter) {
    return yield* sql<UserRow>`SELECT ${columns} ${joins}
      WHERE u.deleted_at IS NULL
        AND (${filter.role ?? null}::text IS NULL OR EXISTS (SELECT FROM user_roles r WHERE r.user_id = u.id AND r.role = ${filter.role ?? null}))
        AND (${filter.status ?? null}::text IS NULL OR u.status = ${filter.status ?? null})
        AND (${filter.email ?? null}::text IS NULL OR u.email = ${filter.email ?? null})
        AND (${filter.afterId ?? null}::uuid IS NULL OR u.id > ${filter.afterId ?? null}::uuid)
      ORDER BY u.id LIMIT ${filter.limit}`
  })

  const credentials = Effect.fn("UserRepo.credentials")(function* (email: string) {
    const rows =
      yield* sql<CredentialsRow>`SELECT id, password_hash, status FROM users WHERE email = ${email} AND deleted_at IS NULL`
    return rows[0]
  })

  const passwordHash = Effect.fn("UserRepo.passwordHash")(function* (id: string) {
    const rows = yield* sql<{
      password_hash: string | null
    }>`SELECT password_hash FROM users WHERE id = ${id} AND deleted_at IS NULL`
    return (yield* theRow("user", id, rows)).password_hash ?? undefined
  })

  const insertCustomer = Effect.fn("UserRepo.insertCustomer")(function* (customer: NewCustomer) {
    yield* sql`WITH made AS (
        INSERT INTO users (id, email, phone, name, password_hash, role)
        VALUES (${customer.userId}, ${customer.email}, ${customer.phone ?? null}, ${customer.name}, ${customer.passwordHash}, 'customer')
        RETURNING id
      ), granted AS (INSERT INTO user_roles (user_id, role) SELECT id, 'customer' FROM made)
      INSERT INTO customers (id, user_id, name) SELECT ${customer.customerId}::uuid, id, ${customer.name} FROM made`
  }, orValueTaken)

  const update = Effect.fn("UserRepo.update")(function* (id: string, change: UserChange, expectedVersion?: number) {
    const locked = yield* sql<{ version: number }>`SELECT version::integer AS version FROM users
        WHERE id = ${id} AND deleted_at IS NULL FOR UPDATE`
    yield* theRowAt("user", id, expectedVersion, locked)
    if (Object.keys(change).length > 0) yield* sql`UPDATE users SET ${sql.update({ ...change })} WHERE id = ${id}`
    if (change.status === "disabled") yield* refuseWithoutAdmin(sql, id)
    return yield* get(id)
  }, orValueTaken)

  /** Who sets a password has accepted: an invited user, and the driver they are, become active. */
  const acceptInvitation = Effect.fn("UserRepo.acceptInvitation")(function* (id: string) {
    yield* sql`UPDATE users SET status = 'active' WHERE id = ${id} AND status = 'invited'`
    yield* sql`UPDATE drivers SET employment_status = 'active'
      WHERE user_id = ${id} AND employment_status = 'invited' AND deleted_at IS NULL`
    return yield* get(id)
  })

  return { get, list, credentials, passwordHash, insertCustomer, update, acceptInvitation, ...makeGrants(sql, get) }
})

/** Keeps users, their grants and the customer that a registration makes. */
export class UserRepo extends Context.Service<UserRepo>()("dropmate/persistence/identity/UserRepo", { make }) {
  static readonly layer = Layer.effect(this, this.make)
}
