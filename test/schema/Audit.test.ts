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

describe("the audit trail", () => {
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
