import { Effect, Redacted } from "effect"
import pg from "pg"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { migrate } from "../../src/persistence/Migrations.ts"
import { type FreshDatabase, freshDatabase } from "../kit/TestServices.ts"
import { goodRows, insertRow, type Row } from "./GoodRows.ts"
import { otherThan } from "./OtherValues.ts"
import { later, now } from "./RowIds.ts"

let database: FreshDatabase
let client: pg.Client

beforeAll(async () => {
  database = await freshDatabase()
  await Effect.runPromise(migrate(Redacted.make(database.url)))
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
  // Of the second row of a key by time too, which is an hour after the first.
  await client.query(
    "SELECT ensure_telemetry_day((now() AT TIME ZONE 'UTC')::date + n) FROM generate_series(0, 1) AS n"
  )
  await client.query(
    "SELECT ensure_month(table_name, (now() + n * interval '1 hour')::date) FROM retention_policies, generate_series(0, 1) AS n WHERE period = 'month'"
  )
  for (const [table, row] of goodRows) await insertRow(client, table, row)
}, 60_000)

afterAll(async () => {
  await client.end()
  await database.drop()
})

interface UniqueIndex {
  readonly table: string
  readonly name: string
  /** Columns of the key, in its order. An expression is null, and needs a case of its own. */
  readonly key: ReadonlyArray<string | null>
  readonly predicate: string | null
  readonly isImmediate: boolean
}

/** Every unique index of a table that is not a partition, with those of primary keys and UNIQUE constraints. */
const uniqueIndexes = async (): Promise<ReadonlyArray<UniqueIndex>> => {
  const { rows } = await client.query<UniqueIndex>(
    `SELECT c.relname AS table, x.indexrelid::regclass::text AS name, x.indimmediate AS "isImmediate",
       pg_get_expr(x.indpred, x.indrelid) AS predicate,
       (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(x.indkey::int[]) WITH ORDINALITY AS k(no, n)
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.no AND k.no > 0) AS key
     FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid
     WHERE x.indisunique AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
     ORDER BY 1, 2`
  )
  return rows
}

interface Column {
  readonly table: string
  readonly column: string
  readonly type: string
  readonly labels: ReadonlyArray<string>
}

/** Columns that can be written, with their types. */
const writableColumns = async (): Promise<ReadonlyArray<Column>> => {
  const { rows } = await client.query<Column>(
    `SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, NULL) AS type,
       coalesce((SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = a.atttypid), '{}') AS labels
     FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''`
  )
  return rows
}

/** For each partial index: what puts a row inside of its predicate where the good one is not, and what puts it outside. */
const partial: Readonly<Record<string, { readonly inside?: Row; readonly outside: Row }>> = {
  ads_name_key: { outside: { deleted_at: now } },
  customers_user_key: { inside: { deleted_at: null, erased_at: null }, outside: { deleted_at: now } },
  customers_wechat_key: { inside: { deleted_at: null, erased_at: null }, outside: { deleted_at: now } },
  delivery_runs_active: {
    inside: { status: "active", ended_at: null },
    outside: { status: "completed", ended_at: later }
  },
  driver_assignments_carrier: { outside: { status: "delivered", ended_at: now } },
  driver_assignments_offered: {
    inside: { status: "pending", offered_at: now, expires_at: later },
    outside: { status: "accepted", expires_at: null }
  },
  drivers_user_key: { outside: { deleted_at: now } },
  files_upload_key: { outside: { deleted_at: now } },
  message_threads_order_key: { outside: { deleted_at: now } },
  orders_external_id_key: { outside: { external_id: null } },
  payment_operations_open: {
    inside: { operation: "capture", refund_id: null, outcome: null, due_at: later, ended_at: null },
    outside: { outcome: "succeeded", due_at: null, ended_at: now }
  },
  payments_processor_key: { outside: { processor_ref: null } },
  users_email_key: { outside: { deleted_at: now } },
  users_phone_key: { outside: { deleted_at: now } },
  vehicles_plate_key: { outside: { deleted_at: now } },
  wechat_accounts_open_key: { outside: { deleted_at: now } }
}

/** What keeps a second row apart from an index that would otherwise speak first. */
const apart: Readonly<Record<string, Row>> = {
  driver_assignments_token: { status: "delivered", ended_at: now }
}

/** Other values of keys that a CHECK has a list for. */
const listed: Readonly<Record<string, string | number>> = {
  "driver_devices.platform": "android",
  "message_attachments.position": 2,
  "payments.processor": "stripe",
  "user_roles.role": "support"
}

/** One row of the table that the index counts, changed so that it does. */
const rowInside = async ({ table, name, key, predicate }: UniqueIndex): Promise<Row> => {
  const change = { ...partial[name]?.inside }
  const set = Object.keys(change).map((column) => `"${column}" = new."${column}"`)
  if (set.length > 0) {
    await client.query(
      `UPDATE ${table} SET ${set.join(", ")} FROM jsonb_populate_record(NULL::${table}, $1::jsonb) AS new`,
      [JSON.stringify(change)]
    )
  }
  // Triggers make rows too, whose keys may still be empty: nothing is unique about those.
  const columns = key.filter((column) => column !== null).map((column) => `"${column}"`)
  const { rows } = await client.query<{ row: Row }>(
    `SELECT to_jsonb(t) AS row FROM ${table} AS t WHERE ${predicate ?? "true"}
     ORDER BY num_nonnulls(${["true", ...columns].join(", ")}) DESC LIMIT 1`
  )
  const [found] = rows
  if (found === undefined) throw new Error(`no row of ${table} is inside of ${name}`)
  return found.row
}

const insertAll = (table: string, row: Row): Promise<unknown> => {
  const columns = Object.keys(row)
    .map((column) => `"${column}"`)
    .join(", ")
  return client.query(
    `INSERT INTO ${table} (${columns}) OVERRIDING SYSTEM VALUE
     SELECT ${columns} FROM jsonb_populate_record(NULL::${table}, $1::jsonb)`,
    [JSON.stringify(row)]
  )
}

/** The index that refused a row: of a partition's the one that it is part of. Undefined: the row was taken. */
const refusedBy = async (run: () => Promise<unknown>): Promise<string | undefined> => {
  await client.query("SAVEPOINT before")
  try {
    await run()
    return undefined
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error
    if (error.code !== "23505") return error.message
    await client.query("ROLLBACK TO SAVEPOINT before")
    const { rows } = await client.query<{ name: string }>(
      "SELECT coalesce((SELECT inhparent FROM pg_inherits WHERE inhrelid = $1::regclass), $1::regclass)::regclass::text AS name",
      [error.constraint]
    )
    return rows[0]?.name
  } finally {
    await client.query("ROLLBACK TO SAVEPOINT before")
  }
}

describe("what is unique in the schema", () => {
  it("has a case for each index that counts only some rows, and none for an index that is gone", async () => {
    const names = (await uniqueIndexes()).filter(({ predicate }) => predicate !== null).map(({ name }) => name)
    expect(Object.keys(partial).sort()).toEqual(names.sort())
  })

  it("leaves a value of a row that was deleted softly to the next one, but for what a deleted row keeps", async () => {
    const columns = await writableColumns()
    const soft = new Set(columns.filter(({ column }) => column === "deleted_at").map(({ table }) => table))
    const keeping = (await uniqueIndexes()).filter(
      ({ table, name, predicate }) =>
        soft.has(table) && !name.endsWith("_pkey") && predicate?.includes("deleted_at IS NULL") !== true
    )
    // An object in the store is there until its bytes are gone.
    expect(keeping.map(({ name }) => name)).toEqual(["files_place_key"])
  })

  it("refuses a second row with the same key, by that index and no other, and takes one outside of its predicate", async () => {
    const columns = await writableColumns()
    const indexes = await uniqueIndexes()
    expect(indexes.length).toBeGreaterThan(70)
    const flaws: Array<string> = []
    for (const index of indexes) {
      const { table, name, key } = index
      const own = columns.filter((each) => each.table === table)
      const counted = new Set(indexes.filter((each) => each.table === table).flatMap((each) => each.key))
      await client.query("BEGIN")
      try {
        // Without references and triggers nothing but CHECKs and indexes has a say. A deferrable index is looked after by a trigger.
        if (index.isImmediate) await client.query("SET LOCAL session_replication_role = replica")
        else await client.query("SET CONSTRAINTS ALL IMMEDIATE")
        const first = await rowInside(index)
        const stored = Object.fromEntries(own.map(({ column }) => [column, first[column]]))
        const others = (isWanted: (column: string) => boolean): Row =>
          Object.fromEntries(
            own
              .filter(({ column }) => counted.has(column) && isWanted(column))
              .map(({ column, type, labels }) => [
                column,
                listed[`${table}.${column}`] ?? otherThan(first[column], type, labels)
              ])
          )
        const second = { ...stored, ...others((column) => !key.includes(column)), ...apart[name] }
        const refused = await refusedBy(() => insertAll(table, second))
        if (refused !== name) flaws.push(`${table}.${name} let in a second row: ${refused ?? "taken"}`)
        const elsewhere = await refusedBy(() => insertAll(table, { ...second, ...partial[name]?.outside }))
        if (partial[name] !== undefined && elsewhere !== undefined)
          flaws.push(`${table}.${name} refused a row outside of it: ${elsewhere}`)
        const different = await refusedBy(() => insertAll(table, { ...stored, ...others(() => true), ...apart[name] }))
        if (index.isImmediate && different !== undefined)
          flaws.push(`${table}.${name} refused a row that differs: ${different}`)
      } finally {
        await client.query("ROLLBACK")
      }
    }
    expect(flaws).toEqual([])
  }, 120_000)

  it("lets two stops of a run change places in one transaction, and refuses two at one place when it ends", async () => {
    const { rows } = await client.query<{ row: Row }>("SELECT to_jsonb(s) AS row FROM route_stops AS s")
    const first = rows[0]?.row ?? {}
    const place = (id: unknown, position: number) =>
      client.query("UPDATE route_stops SET position = $2 WHERE id = $1", [id, position])
    const second = otherThan(first.id, "uuid", [])
    await client.query("BEGIN")
    await insertAll("route_stops", { ...first, id: second, position: 2 })
    await client.query("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    await place(first.id, 2)
    await place(second, 1)
    await client.query("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    await place(second, 2)
    const refused = await client.query("COMMIT").catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: "23505", constraint: "route_stops_run_position" })
  })
})
