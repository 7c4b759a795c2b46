import { Effect, Redacted } from "effect"
import pg from "pg"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { migrate } from "../../src/persistence/Migrations.ts"
import { type FreshDatabase, freshDatabase } from "../kit/TestServices.ts"
import { goodRows, idOf, insertRow } from "./GoodRows.ts"

let database: FreshDatabase
let owner: pg.Client
let app: pg.Client

beforeAll(async () => {
  database = await freshDatabase()
  await Effect.runPromise(migrate(Redacted.make(database.url)))
  owner = new pg.Client({ connectionString: database.url })
  app = new pg.Client({ connectionString: database.url, options: "-c role=dropmate_app" })
  await Promise.all([owner.connect(), app.connect()])
  await owner.query("SELECT ensure_telemetry_day((now() AT TIME ZONE 'UTC')::date)")
  for (const [table, row] of goodRows) await insertRow(owner, table, row)
}, 60_000)

afterAll(async () => {
  await Promise.all([owner.end(), app.end()])
  await database.drop()
})

const trail = async (table: string) =>
  (
    await owner.query(
      "SELECT action, changes, actor_user_id, actor_roles, request_id, row_id FROM api_audit_logs WHERE table_name = $1 ORDER BY id",
      [table]
    )
  ).rows

/** Changes something as an administrator of the API does. */
const asAdmin = async (statement: string, values: ReadonlyArray<unknown> = []): Promise<void> => {
  await app.query("BEGIN")
  await app.query(
    `SELECT set_config('app.user_id', $1, true), set_config('app.roles', 'admin', true), set_config('app.request_id', 'req-1', true)`,
    [idOf(1)]
  )
  await app.query(statement, [...values])
  await app.query("COMMIT")
}

/** A value that differs from what a column has, by its type; undefined for types that nothing can be made up for. */
const changedValue = (column: string, type: string, labels: ReadonlyArray<string>): string | undefined => {
  if (labels.length > 0)
    return `CASE WHEN ${column} = '${labels[0]}' THEN '${labels[1]}' ELSE '${labels[0]}' END::${type}`
  if (type === "text") return `coalesce(${column}, '') || 'x'`
  if (type === "boolean") return `NOT ${column}`
  if (type === "jsonb") return `'{"changed": true}'`
  if (type === "timestamp with time zone") return `coalesce(${column}, now()) + interval '1 second'`
  return /^(?:integer|bigint|smallint|double precision|numeric)/.test(type) ? `coalesce(${column}, 0) + 1` : undefined
}

interface AuditedColumn {
  readonly table: string
  readonly column: string
  readonly type: string
  readonly labels: ReadonlyArray<string>
}

/** Every column whose change is watched, from the catalog. */
const auditedColumns = async (): Promise<ReadonlyArray<AuditedColumn>> =>
  (
    await owner.query<AuditedColumn>(
      `SELECT c.relname AS "table", quote_ident(a.attname) AS "column", format_type(a.atttypid, NULL) AS type,
         ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = a.atttypid ORDER BY enumsortorder) AS labels
       FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_attribute a ON a.attrelid = c.oid
       WHERE t.tgfoid = 'audit_row'::regproc AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
         AND a.attname <> ALL (string_to_array(split_part(encode(t.tgargs, 'escape'), '\\000', 2), ','))
       ORDER BY 1, a.attnum`
    )
  ).rows

/** Tries a change in a transaction that is rolled back: rows changed and rows written about it; undefined when a rule forbids it. */
const written = async (
  table: string,
  change: string
): Promise<{ readonly changed: number; readonly audited: number } | undefined> => {
  await owner.query("BEGIN")
  try {
    const before = (await trail(table)).length
    const changed = (await owner.query(change)).rowCount ?? 0
    return { changed, audited: (await trail(table)).length - before }
  } catch {
    return undefined
  } finally {
    await owner.query("ROLLBACK")
  }
}

describe("the audit trail", () => {
  it("has exactly one row for every change of any watched column of any watched table", async () => {
    const columns = await auditedColumns()
    const tables = [...new Set(columns.map(({ table }) => table))]
    expect(tables).toEqual(expect.arrayContaining(["drivers", "message_threads", "orders", "shipments"]))
    const tried = new Set<string>()
    for (const { table, column, type, labels } of columns) {
      const value = changedValue(column, type, labels)
      if (value === undefined) continue
      const counts = await written(table, `UPDATE ${table} SET ${column} = ${value}`)
      if (counts === undefined) continue
      expect(counts.changed, `${table}.${column}`).toBeGreaterThan(0)
      expect(counts.audited, `${table}.${column}`).toBe(counts.changed)
      tried.add(table)
    }
    for (const table of tables) {
      const counts = await written(table, `DELETE FROM ${table}`)
      if (counts !== undefined) expect(counts.audited, table).toBe(counts.changed)
    }
    expect([...tried]).toEqual(tables)
  })

  it.for(["orders", "shipments", "drivers", "message_threads"])(
    "has one row for the beginning of each row of %s",
    async (table) => {
      const rows = await trail(table)
      expect(rows.map(({ action }) => action)).toContain("INSERT")
      expect(rows.filter(({ action }) => action === "INSERT")).toHaveLength(1)
    }
  )

  it("says who changed what from what to what, on which request", async () => {
    await asAdmin("UPDATE drivers SET employment_status = 'suspended' WHERE id = $1", [idOf(7)])
    expect((await trail("drivers")).at(-1)).toEqual({
      action: "UPDATE",
      changes: { employment_status: ["active", "suspended"] },
      actor_user_id: idOf(1),
      actor_roles: "admin",
      request_id: "req-1",
      row_id: idOf(7)
    })
  })

  it("says that a personal value changed, and never which it is", async () => {
    await asAdmin("UPDATE orders SET contact_phone = '+43 999', notes = NULL WHERE id = $1", [idOf(12)])
    expect((await trail("orders")).at(-1)?.changes).toEqual({
      contact_phone: ["hidden", "hidden"],
      notes: ["hidden", null]
    })
    const { rows } = await owner.query(
      "SELECT FROM api_audit_logs WHERE changes::text LIKE '%ada@example.com%' OR changes::text LIKE '%+43%'"
    )
    expect(rows).toHaveLength(0)
  })

  it("takes no notice of what only keeps the books, or of no change at all", async () => {
    const before = (await trail("orders")).length
    await asAdmin("UPDATE orders SET last_event_no = last_event_no + 1, status = status WHERE id = $1", [idOf(12)])
    expect(await trail("orders")).toHaveLength(before)
  })

  it("goes with the change when that is rolled back", async () => {
    const before = (await trail("shipments")).length
    await owner.query("BEGIN")
    await owner.query("UPDATE shipments SET status = 'picked_up'")
    await owner.query("ROLLBACK")
    expect(await trail("shipments")).toHaveLength(before)
  })

  it("tells what was there when a row is deleted", async () => {
    await owner.query("DELETE FROM message_threads")
    const last = (await trail("message_threads")).at(-1)
    expect([last?.action, last?.changes.context_type, last?.changes.subject]).toEqual([
      "DELETE",
      ["order", null],
      ["hidden", null]
    ])
  })

  it("cannot be written, changed or read by whoever is watched", async () => {
    await expect(asAdmin("UPDATE api_audit_logs SET changes = '{}'")).rejects.toMatchObject({ code: "42501" })
    await app.query("ROLLBACK")
    await expect(asAdmin("DELETE FROM api_audit_logs")).rejects.toMatchObject({ code: "42501" })
    await app.query("ROLLBACK")
    expect((await app.query("SELECT count(*) AS n FROM api_audit_logs")).rows).toEqual([{ n: "0" }])
  })
})
