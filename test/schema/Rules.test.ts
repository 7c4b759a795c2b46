import { Effect, Redacted } from "effect"
import pg from "pg"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { migrate } from "../../src/persistence/Migrations.ts"
import { type FreshDatabase, freshDatabase } from "../kit/TestServices.ts"
import { candidatesOf } from "./BadValues.ts"
import { goodRows, idOf, insertRow, type Row } from "./GoodRows.ts"

let database: FreshDatabase
let client: pg.Client

beforeAll(async () => {
  database = await freshDatabase()
  await Effect.runPromise(migrate(Redacted.make(database.url)))
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query("SELECT ensure_telemetry_day((now() AT TIME ZONE 'UTC')::date)")
  for (const [table, row] of goodRows) await insertRow(client, table, row)
}, 60_000)

afterAll(async () => {
  await client.end()
  await database.drop()
})

interface Refusal {
  readonly code: string
  readonly constraint: string | undefined
  readonly column: string | undefined
  readonly message: string
}

/** What PostgreSQL says to some statements, of which nothing stays; undefined when it takes them all. */
const refusalOf = async (run: () => Promise<unknown>): Promise<Refusal | undefined> => {
  await client.query("BEGIN")
  try {
    await run()
    return undefined
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error
    return { code: error.code ?? "", constraint: error.constraint, column: error.column, message: error.message }
  } finally {
    await client.query("ROLLBACK")
  }
}

const rowOf = (table: string): Row => {
  const found = goodRows.find(([name]) => name === table)
  if (found === undefined) throw new Error(`no good row for ${table}`)
  return found[1]
}

/** Sets columns of every row of a table (there is the good one, or the few of the baseline). */
const update = (table: string, change: Row): Promise<unknown> => {
  const columns = Object.keys(change)
  const set = columns.map((column) => `"${column}" = bad."${column}"`).join(", ")
  return client.query(`UPDATE ${table} SET ${set} FROM jsonb_populate_record(NULL::${table}, $1::jsonb) AS bad`, [
    JSON.stringify(change)
  ])
}

interface Rule {
  readonly table: string
  readonly name: string
  readonly columns: ReadonlyArray<string>
}

/** Rules of one kind in every table that is not a partition, from the catalog. */
const rulesOf = async (kind: "c" | "f"): Promise<ReadonlyArray<Rule>> => {
  const { rows } = await client.query<Rule>(
    `SELECT c.relname AS table, r.conname AS name,
       (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(r.conkey) WITH ORDINALITY AS k(no, n)
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.no) AS columns
     FROM pg_constraint r JOIN pg_class c ON c.oid = r.conrelid
     WHERE r.contype = $1 AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND r.conparentid = 0
     ORDER BY 1, 2`,
    [kind]
  )
  return rows
}

interface Column {
  readonly table: string
  readonly column: string
  readonly type: string
  readonly labels: ReadonlyArray<string>
  readonly isRequired: boolean
}

const columns = async (): Promise<ReadonlyArray<Column>> => {
  const { rows } = await client.query<Column>(
    `SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, NULL) AS type, a.attnotnull AS "isRequired",
       coalesce((SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = a.atttypid), '{}') AS labels
     FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, a.attnum`
  )
  return rows
}

/** What breaks a rule whose columns must be wrong together. */
const together: Readonly<Record<string, Row>> = {
  auth_sessions_kind_check: { kind: "x", refresh_token_hash: null },
  payments_failure_code_check: { status: "failed", settled_amount: 0, refunded_amount: 0, failure_code: "" },
  refunds_amount_positive: { amount: 0 },
  webhooks_status_check: { status: "x", disabled_reason: null },
  users_check: { email: null, phone: null, deleted_at: null },
  driver_assignments_check: { status: "delivered", ended_at: null },
  driver_assignments_expiry: { expires_at: "2026-01-01" },
  driver_assignments_expired_because_check: {
    status: "expired",
    offered_at: "2026-01-01",
    ended_at: "2026-01-01",
    expired_because: "x"
  },
  driver_assignments_because: { expired_because: "taken" },
  driver_assignments_offer: { status: "rejected", offered_at: null, ended_at: "2026-01-01" },
  route_stops_check1: { stop_type: "break", shipment_id: null, run_id: null, duration_s: 600 },
  route_stops_break: { duration_s: 600 },
  route_stops_duration_s_check: { stop_type: "break", shipment_id: null, duration_s: 0 },
  delivery_runs_started: { status: "active", started_at: null, ended_at: null },
  payments_settled_status: { status: "authorized" },
  payments_failure: { failure_code: "x" },
  payment_attempts_error: { outcome: "succeeded" },
  payment_operations_outcome_check: { outcome: "x" },
  payment_operations_operation_check: { operation: "x", refund_id: null },
  payment_operations_of_refund: { operation: "void" },
  payment_operations_due: { due_at: new Date().toISOString() },
  payment_operations_ended: { ended_at: null },
  idempotency_keys_whole: { response_status: null },
  messages_one_author: { author_user_id: idOf(1) },
  proofs_type_check: { type: "!", sha256: null },
  proofs_value_check: { type: "note", sha256: null, value: "" },
  webhook_events_retry: { status: "pending", ended_at: null, next_attempt_at: null },
  background_jobs_retries: { retries: 6 },
  dispatch_reports_stored: { file_id: null, storage_url: null },
  shipment_events_check: { shipment_id: null }
}

/** What has to change along with a reference for no other rule to speak first. */
const beside: Readonly<Record<string, Row>> = {
  messages_author_user_id_fkey: { author_customer_id: null },
  messages_author_driver_id_fkey: { author_customer_id: null }
}

describe("the rules of the schema", () => {
  it("let in one good row for each table", async () => {
    const { rows } = await client.query<{ table: string }>(
      `SELECT relname AS table FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`
    )
    expect(goodRows.map(([table]) => table).sort()).toEqual(rows.map(({ table }) => table).sort())
  })

  it("each CHECK refuses something", async () => {
    const all = await columns()
    const kept: Array<string> = []
    for (const rule of await rulesOf("c")) {
      const tries = [
        ...(together[rule.name] === undefined ? [] : [together[rule.name] as Row]),
        ...rule.columns.flatMap((column) => {
          const found = all.find((each) => each.table === rule.table && each.column === column)
          return found === undefined ? [] : candidatesOf(found.type, found.labels).map((value) => ({ [column]: value }))
        })
      ]
      let isBroken = false
      for (const change of tries) {
        // A refund keeps its amount, so only a new one can have a wrong one.
        const refusal = await refusalOf(() =>
          rule.table === "refunds" && change.amount !== undefined
            ? insertRow(client, "refunds", { ...rowOf("refunds"), id: idOf(8_888), ...change })
            : update(rule.table, change)
        )
        isBroken = refusal?.code === "23514" && refusal.constraint === rule.name
        if (isBroken) break
      }
      if (!isBroken) kept.push(`${rule.table}.${rule.name}`)
    }
    expect(kept).toEqual([])
  }, 120_000)

  it("each required column refuses to be empty, or is filled by its trigger", async () => {
    const kept: Array<string> = []
    for (const { table, column } of (await columns()).filter(({ isRequired }) => isRequired)) {
      const refusal = await refusalOf(async () => {
        await update(table, { [column]: null })
        const { rows } = await client.query(`SELECT FROM ${table} WHERE "${column}" IS NULL`)
        if (rows.length > 0) kept.push(`${table}.${column}`)
      })
      const isFine =
        refusal === undefined ||
        refusal.code === "23502" ||
        refusal.code === "428C9" ||
        ["23514", "23503"].includes(refusal.code)
      if (!isFine) kept.push(`${table}.${column}: ${refusal.message}`)
    }
    expect(kept).toEqual([])
  }, 60_000)

  it("each reference refuses what is not there", async () => {
    const kept: Array<string> = []
    for (const {
      table,
      name,
      columns: [column]
    } of await rulesOf("f")) {
      const change = { ...beside[name], [column as string]: idOf(9_999) }
      // A refund's payment is never another one; a new refund of no payment is what the reference refuses.
      const refusal = await refusalOf(() =>
        table === "refunds" && column === "payment_id"
          ? insertRow(client, table, { ...rowOf(table), id: idOf(8_888), status: "failed", ...change })
          : update(table, change)
      )
      if (refusal?.code !== "23503") kept.push(`${table}.${name}: ${refusal?.message ?? "taken"}`)
    }
    expect(kept).toEqual([])
  }, 60_000)

  it("each enum of the design has its labels, and refuses any other", async () => {
    for (const [name, labels] of Object.entries(designEnums)) {
      const { rows } = await client.query<{ label: string }>(
        "SELECT enumlabel::text AS label FROM pg_enum WHERE enumtypid = to_regtype($1)",
        [name]
      )
      expect(
        rows.map(({ label }) => label),
        name
      ).toEqual(expect.arrayContaining([...labels]))
      expect((await refusalOf(() => client.query(`SELECT 'no such label'::${name}`)))?.code, name).toBe("22P02")
    }
  })

  it("each amount of money is NUMERIC(12,2)", async () => {
    const { rows } = await client.query<{ column: string }>(
      `SELECT DISTINCT format_type(a.atttypid, a.atttypmod) AS column FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
       WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
         AND a.atttypid = 'numeric'::regtype`
    )
    expect(rows).toEqual([{ column: "numeric(12,2)" }])
  })

  it("each reference that the design names does on a delete what it says", async () => {
    for (const [table, column, action] of designActions) {
      const { rows } = await client.query<{ action: string }>(
        `SELECT confdeltype::text AS action FROM pg_constraint WHERE contype = 'f' AND conrelid = $1::regclass
           AND conkey = ARRAY[(SELECT attnum FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2)]`,
        [table, column]
      )
      expect(rows, `${table}.${column}`).toEqual([{ action }])
    }
  })

  it("each reference can be followed backwards by an index, or its parent is never deleted", async () => {
    const { rows } = await client.query<{ reference: string }>(
      `SELECT c.relname || '.' || r.conname AS reference FROM pg_constraint r JOIN pg_class c ON c.oid = r.conrelid
       WHERE r.contype = 'f' AND NOT c.relispartition AND r.conparentid = 0 AND c.relnamespace = 'public'::regnamespace
         AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = r.conrelid AND i.indkey[0] = r.conkey[1])
         AND r.confrelid NOT IN ('users'::regclass, 'driver_sessions'::regclass, 'driver_devices'::regclass)`
    )
    expect(rows.map(({ reference }) => reference).sort()).toEqual(unfollowed)
  })
})

/** Deleted one row at a time by hand if at all: a scan of the child is what that costs. */
const unfollowed: ReadonlyArray<string> = [
  "ads.ads_media_file_id_fkey",
  "dispatch_reports.dispatch_reports_file_id_fkey",
  "messages.messages_author_driver_id_fkey"
]

/** What the design lists; more may have been added (ADR 0052). */
const designEnums: Readonly<Record<string, ReadonlyArray<string>>> = {
  user_role: ["customer", "driver", "admin"],
  order_status: ["draft", "submitted", "confirmed", "fulfilled", "cancelled"],
  payment_status: ["pending", "authorized", "settled", "failed", "refunded"],
  assignment_status: ["pending", "accepted", "en_route", "arrived", "delivered", "handed_off", "rejected"],
  route_stop_type: ["pickup", "dropoff", "break"],
  message_channel: ["web", "app", "wechat"],
  job_status: ["queued", "running", "succeeded", "failed"],
  webhook_event_status: ["pending", "delivered", "failed"]
}

/** RESTRICT (r), CASCADE (c) and SET NULL (n), as pg_constraint has them. */
const designActions: ReadonlyArray<readonly [table: string, column: string, action: "r" | "c" | "n"]> = [
  ["payments", "order_id", "r"],
  ["order_items", "order_id", "c"],
  ["route_stops", "shipment_id", "c"],
  ["auth_sessions", "user_id", "c"],
  ["driver_assignments", "driver_id", "n"]
]
