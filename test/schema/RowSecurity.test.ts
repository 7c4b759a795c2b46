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

/** Who asks: what `inRowScope` would set. */
type Scope = Readonly<Partial<Record<"user_id" | "customer_id" | "driver_id" | "roles", string>>>

const theirs: Scope = { user_id: idOf(1), customer_id: idOf(2), roles: "customer" }
const driver: Scope = { driver_id: idOf(7), roles: "driver" }
const strangers: ReadonlyArray<Scope> = [
  { user_id: idOf(501), customer_id: idOf(502), roles: "customer" },
  { user_id: idOf(503), driver_id: idOf(504), roles: "driver" },
  // The right ids in the wrong places.
  { user_id: idOf(2), customer_id: idOf(1), driver_id: idOf(2), roles: "customer,driver" },
  { roles: "nobody" },
  {}
]

/** Runs something in a scope; nothing of it stays. */
const within = async <A>(scope: Scope, run: () => Promise<A>): Promise<A> => {
  await app.query("BEGIN")
  try {
    for (const [name, value] of Object.entries(scope))
      await app.query("SELECT set_config($1, $2, true)", [`app.${name}`, value])
    return await run()
  } finally {
    await app.query("ROLLBACK")
  }
}

const count = async (table: string): Promise<number> =>
  Number((await app.query(`SELECT count(*) AS n FROM ${table}`)).rows[0]?.n)

/** Tables of which a scope sees at least one row. */
const seenBy = (scope: Scope, tables: ReadonlyArray<string>): Promise<ReadonlyArray<string>> =>
  within(scope, async () => {
    const seen: Array<string> = []
    for (const table of tables) if ((await count(table)) > 0) seen.push(table)
    return seen
  })

/** What has row security and the application may read, with the view that stands for the points. */
const guarded = async (): Promise<ReadonlyArray<string>> => {
  const { rows } = await owner.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relrowsecurity
       AND has_table_privilege('dropmate_app', oid, 'SELECT') ORDER BY 1`
  )
  return [...rows.map(({ name }) => name), "driver_points"]
}

/** Tables and views without row security that the application may read: nothing in them is about one person. */
const open = [
  "ads",
  "daily_dispatch_summary",
  "dispatch_reports",
  "driver_location_hourly",
  "active_driver_locations",
  "driver_points",
  "event_logs",
  "feature_flags",
  "partitions",
  "products",
  "report_runs",
  "retention_policies",
  "scheduled_jobs",
  "system_settings"
]

const ofCustomers = [
  "ad_impressions",
  "auth_sessions",
  "customers",
  "delivery_addresses",
  "driver_assignments",
  "files",
  "idempotency_keys",
  "message_attachments",
  "message_reads",
  "message_threads",
  "messages",
  "order_items",
  "orders",
  "payment_attempts",
  "payment_operations",
  "payments",
  "proofs",
  "refunds",
  "route_stops",
  "shipment_events",
  "shipments",
  "tracking_sessions",
  "user_roles",
  "users",
  "wechat_accounts"
]

const ofDrivers = [
  "delivery_addresses",
  "delivery_runs",
  "driver_assignments",
  "driver_commands",
  "driver_devices",
  "driver_duty_changes",
  "driver_ingest_cursors",
  "driver_location_hours",
  "driver_points",
  "driver_profiles",
  "driver_sessions",
  "drivers",
  "files",
  "message_attachments",
  "message_reads",
  "message_threads",
  "messages",
  "order_items",
  "orders",
  "proofs",
  "route_stops",
  "shipment_events",
  "shipments",
  "telemetry_quarantine",
  "vehicles"
]

describe("row security", () => {
  it("stands on every table that the application may read and that tells of a person", async () => {
    const { rows } = await owner.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
         AND NOT relispartition AND has_any_column_privilege('dropmate_app', oid, 'SELECT') AND NOT relrowsecurity`
    )
    expect(rows.map(({ name }) => name).sort()).toEqual([...open].sort())
  })

  it("holds for the owner too unless a policy names them", async () => {
    const { rows } = await owner.query("SELECT relname FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity")
    expect(rows).toEqual([])
  })

  it("shows nothing to strangers, nor without a scope", async () => {
    const tables = await guarded()
    for (const scope of strangers) expect(await seenBy(scope, tables), JSON.stringify(scope)).toEqual([])
  })

  it("shows customers what is theirs", async () => {
    // The good driver is the same user; as a customer alone they see no driver's rows but their own person's.
    const seen = await seenBy(theirs, await guarded())
    expect(seen.filter((table) => table !== "drivers").sort()).toEqual(ofCustomers)
  })

  it("shows drivers what they carry and what they are, and nothing of money, links or accounts", async () => {
    expect([...(await seenBy(driver, await guarded()))].sort()).toEqual(ofDrivers)
  })

  it("lets a driver who turned an offer down forget it in a day", async () => {
    await owner.query(
      "UPDATE driver_assignments SET status = 'rejected', offered_at = now(), ended_at = now() - interval '25 hours' WHERE driver_id = $1",
      [idOf(7)]
    )
    try {
      expect(await seenBy(driver, ["orders", "shipments", "route_stops", "delivery_addresses", "messages"])).toEqual([
        "route_stops"
      ])
    } finally {
      await owner.query("UPDATE driver_assignments SET status = 'accepted', ended_at = NULL WHERE driver_id = $1", [
        idOf(7)
      ])
    }
  })

  it("shows staff every row", async () => {
    for (const roles of ["admin", "dispatcher", "support", "system", "driver,dispatcher"]) {
      expect(await seenBy({ roles }, await guarded()), roles).toEqual(await guarded())
    }
  })

  it("changes nothing of others, and lets nobody write in their name", async () => {
    const stranger = strangers[0] as Scope
    const refusals: Array<string> = []
    for (const table of ["customers", "orders", "delivery_addresses", "message_threads"]) {
      const changed = await within(
        stranger,
        async () => (await app.query(`UPDATE ${table} SET updated_at = now()`)).rowCount
      )
      expect(changed, table).toBe(0)
    }
    for (const [table, row] of goodRows.filter(([name]) =>
      ["delivery_addresses", "tracking_sessions", "files"].includes(name)
    )) {
      try {
        await within(stranger, () => insertRow(app as never, table, { ...row, id: idOf(700) }))
      } catch (error) {
        refusals.push((error as pg.DatabaseError).code ?? "")
      }
    }
    expect(refusals).toEqual(["42501", "42501", "42501"])
  })

  it("lets nobody grant themselves a role, nor change the vehicle that they drive", async () => {
    const attempt = async (scope: Scope, statement: string): Promise<string | undefined> => {
      try {
        await within(scope, () => app.query(statement))
        return undefined
      } catch (error) {
        return (error as pg.DatabaseError).code
      }
    }
    const grant = `INSERT INTO user_roles (user_id, role) VALUES ('${idOf(1)}', 'admin')`
    expect(await attempt(theirs, grant)).toBe("42501")
    expect(await attempt(theirs, "UPDATE user_roles SET role = 'admin'")).toBe("42501")
    expect(await attempt({ roles: "admin" }, grant)).toBeUndefined()
    expect(await attempt(driver, "UPDATE vehicles SET plate = 'W 2'")).toBe("42501")
    expect(await attempt({ roles: "dispatcher" }, "UPDATE vehicles SET plate = 'W 2'")).toBeUndefined()
  })

  it("cannot be gone around by a partition, and the application owns nothing", async () => {
    const { rows: partitions } = await owner.query<{ name: string }>(
      "SELECT relname AS name FROM pg_class WHERE relispartition AND relkind = 'r' AND (has_table_privilege('dropmate_app', oid, 'SELECT') OR has_table_privilege('dropmate_jobs', oid, 'SELECT') OR has_table_privilege('dropmate_writer', oid, 'INSERT'))"
    )
    expect(partitions).toEqual([])
    const { rows: powers } = await owner.query(
      "SELECT rolname FROM pg_roles WHERE rolname IN ('dropmate_app', 'dropmate_writer', 'dropmate_jobs') AND (rolbypassrls OR rolsuper OR rolcanlogin OR rolcreaterole OR rolcreatedb)"
    )
    expect(powers).toEqual([])
    const { rows: owned } = await owner.query(
      "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relowner IN (SELECT oid FROM pg_roles WHERE rolname IN ('dropmate_app', 'dropmate_writer', 'dropmate_jobs'))"
    )
    expect(owned).toEqual([])
  })

  it("is not lifted by a view: each asks as whoever looks, or filters by itself", async () => {
    const { rows } = await owner.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'
         AND NOT coalesce('security_invoker=true' = ANY (reloptions), false)`
    )
    expect(rows.map(({ name }) => name).sort()).toEqual(["driver_points", "partitions"])
  })

  it("ends with the transaction that it was set in", async () => {
    await within({ roles: "admin" }, () => count("orders"))
    expect(await count("orders")).toBe(0)
  })
})
