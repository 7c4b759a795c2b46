import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { theRow, theRowAt } from "../RowAbsent.ts"

/** A customer with their user's addresses, as rows tell it. */
export interface CustomerRow {
  readonly id: string
  readonly user_id: string | null
  readonly name: string
  readonly email: string | null
  readonly phone: string | null
  readonly marketing_opt_in: boolean
  readonly version: number
  readonly created_at: Date
  readonly updated_at: Date
}

/** What may be changed of a customer; a key that is absent stays as it is. */
export interface CustomerChange {
  readonly name?: string
  readonly marketing_opt_in?: boolean
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = sql`c.id, c.user_id, c.name, u.email, u.phone, c.marketing_opt_in, c.version::integer AS version, c.created_at, c.updated_at`

  const get = Effect.fn("CustomerRepo.get")(function* (id: string) {
    const rows = yield* sql<CustomerRow>`SELECT ${columns} FROM customers c LEFT JOIN users u ON u.id = c.user_id
      WHERE c.id = ${id} AND c.deleted_at IS NULL`
    return yield* theRow("customer", id, rows)
  })

  const list = Effect.fn("CustomerRepo.list")(function* (afterId: string | undefined, limit: number) {
    return yield* sql<CustomerRow>`SELECT ${columns} FROM customers c LEFT JOIN users u ON u.id = c.user_id
      WHERE c.deleted_at IS NULL AND (${afterId ?? null}::uuid IS NULL OR c.id > ${afterId ?? null}::uuid)
      ORDER BY c.id LIMIT ${limit}`
  })

  const update = Effect.fn("CustomerRepo.update")(function* (
    id: string,
    change: CustomerChange,
    expectedVersion?: number
  ) {
    const locked = yield* sql<{ version: number }>`SELECT version::integer AS version FROM customers
      WHERE id = ${id} AND deleted_at IS NULL FOR UPDATE`
    yield* theRowAt("customer", id, expectedVersion, locked)
    if (Object.keys(change).length > 0) yield* sql`UPDATE customers SET ${sql.update({ ...change })} WHERE id = ${id}`
    return yield* get(id)
  })

  return { get, list, update }
})

/** Keeps customers. */
export class CustomerRepo extends Context.Service<CustomerRepo>()("dropmate/persistence/customers/CustomerRepo", {
  make
}) {
  static readonly layer = Layer.effect(this, this.make)
}
