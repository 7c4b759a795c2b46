import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { newId } from "../NewId.ts"
import { theRow, theRowAt } from "../RowAbsent.ts"

/** What an address says. */
export interface AddressFields {
  readonly label: string | null
  readonly line1: string
  readonly line2: string | null
  readonly city: string
  readonly region: string | null
  readonly postal_code: string | null
  readonly country: string
  readonly lat: number
  readonly lng: number
  readonly instructions: string | null
}

/** An address as its row tells it. */
export interface AddressRow extends AddressFields {
  readonly id: string
  readonly version: number
  readonly created_at: Date
  readonly updated_at: Date
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = sql`id, label, line1, line2, city, region, postal_code, country, lat, lng, instructions,
    version::integer AS version, created_at, updated_at`

  /** A customer's own address, still in their list. */
  const get = Effect.fn("AddressRepo.get")(function* (customerId: string, id: string) {
    const rows = yield* sql<AddressRow>`SELECT ${columns} FROM delivery_addresses
      WHERE id = ${id} AND customer_id = ${customerId} AND deleted_at IS NULL`
    return yield* theRow("address", id, rows)
  })

  const list = Effect.fn("AddressRepo.list")(function* (
    customerId: string,
    afterId: string | undefined,
    limit: number
  ) {
    return yield* sql<AddressRow>`SELECT ${columns} FROM delivery_addresses
      WHERE customer_id = ${customerId} AND deleted_at IS NULL AND (${afterId ?? null}::uuid IS NULL OR id > ${afterId ?? null}::uuid)
      ORDER BY id LIMIT ${limit}`
  })

  const count = Effect.fn("AddressRepo.count")(function* (customerId: string) {
    const rows = yield* sql<{ many: number }>`SELECT count(*)::integer AS many FROM delivery_addresses
      WHERE customer_id = ${customerId} AND deleted_at IS NULL`
    return rows[0]?.many ?? 0
  })

  /** `isListed` false: made for one order, not for the customer's list. */
  const insert = Effect.fn("AddressRepo.insert")(function* (
    id: string,
    customerId: string | undefined,
    fields: AddressFields,
    isListed: boolean
  ) {
    const rows = yield* sql<AddressRow>`INSERT INTO delivery_addresses
        (id, customer_id, label, line1, line2, city, region, postal_code, country, lat, lng, instructions, deleted_at)
      VALUES (${id}, ${customerId ?? null}, ${fields.label}, ${fields.line1}, ${fields.line2}, ${fields.city}, ${fields.region},
        ${fields.postal_code}, ${fields.country}, ${fields.lat}, ${fields.lng}, ${fields.instructions},
        CASE WHEN ${isListed}::boolean THEN NULL ELSE now() END)
      RETURNING ${columns}`
    return yield* theRow("address", id, rows)
  })

  const lock = (customerId: string, id: string) => sql<{ version: number }>`SELECT version::integer AS version
    FROM delivery_addresses WHERE id = ${id} AND customer_id = ${customerId} AND deleted_at IS NULL FOR UPDATE`

  // Orders keep the address that they were placed with: a hidden copy takes the place of the one that changes.
  const leaveCopyToOrders = Effect.fnUntraced(function* (id: string) {
    const copyId = yield* newId
    const used = yield* sql`INSERT INTO delivery_addresses
        (id, customer_id, label, line1, line2, city, region, postal_code, country, lat, lng, instructions, deleted_at)
      SELECT ${copyId}::uuid, customer_id, label, line1, line2, city, region, postal_code, country, lat, lng, instructions, now()
      FROM delivery_addresses WHERE id = ${id} AND EXISTS (SELECT FROM orders WHERE delivery_address_id = ${id}) RETURNING 1`
    if (used.length > 0) yield* sql`UPDATE orders SET delivery_address_id = ${copyId} WHERE delivery_address_id = ${id}`
  })

  const update = Effect.fn("AddressRepo.update")(function* (
    customerId: string,
    id: string,
    change: Partial<AddressFields>,
    expectedVersion?: number
  ) {
    yield* theRowAt("address", id, expectedVersion, yield* lock(customerId, id))
    if (Object.keys(change).length > 0) {
      yield* leaveCopyToOrders(id)
      yield* sql`UPDATE delivery_addresses SET ${sql.update({ ...change })} WHERE id = ${id}`
    }
    return yield* get(customerId, id)
  })

  /** Takes an address off the customer's list; orders that refer to it keep it. */
  const remove = Effect.fn("AddressRepo.remove")(function* (customerId: string, id: string, expectedVersion?: number) {
    yield* theRowAt("address", id, expectedVersion, yield* lock(customerId, id))
    yield* sql`UPDATE delivery_addresses SET deleted_at = now() WHERE id = ${id}`
  })

  return { get, list, count, insert, update, remove }
})

/** Keeps delivery addresses: customers' lists, and those that orders were placed with. */
export class AddressRepo extends Context.Service<AddressRepo>()("dropmate/persistence/customers/AddressRepo", {
  make
}) {
  static readonly layer = Layer.effect(this, this.make)
}
