import { Effect, Redacted } from "effect"
import pg from "pg"
import { afterAll, beforeAll, expect, it } from "vitest"
import { migrate } from "../../src/persistence/Migrations.ts"
import { type FreshDatabase, freshDatabase } from "../kit/TestServices.ts"
import { idOf } from "./GoodRows.ts"

let database: FreshDatabase
let client: pg.Client

beforeAll(async () => {
  database = await freshDatabase()
  await Effect.runPromise(migrate(Redacted.make(database.url)))
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query(
    "SELECT ensure_telemetry_day((now() AT TIME ZONE 'UTC')::date - n) FROM generate_series(0, 3) AS n"
  )
  // Tables are empty here, where a scan is always cheapest: what is asked is whether the index can serve the query at all.
  await client.query("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off")
}, 60_000)

afterAll(async () => {
  await client.end()
  await database.drop()
})

interface PlanNode {
  readonly "Node Type": string
  readonly "Index Name"?: string
  readonly Plans?: ReadonlyArray<PlanNode>
}

const nodesOf = (node: PlanNode): ReadonlyArray<PlanNode> => [node, ...(node.Plans ?? []).flatMap(nodesOf)]

const id = `'${idOf(1)}'`

/** Each index that the design lists, and the query that it is for. The index of a partition has a name of its own. */
const uses: ReadonlyArray<readonly [design: string, index: RegExp, query: string, isOrdered?: "ordered"]> = [
  ["users (email) unique", /users_email_key/, "SELECT * FROM users WHERE email = 'a' AND deleted_at IS NULL"],
  ["users (role, status)", /users_role_status/, "SELECT * FROM users WHERE role = 'driver' AND status = 'active'"],
  [
    "driver_devices (driver_id, platform, device_identifier) unique",
    /driver_devices_driver_id_(platform_)?device_identifier_key/,
    `SELECT * FROM driver_devices WHERE driver_id = ${id} AND platform = 'ios' AND device_identifier = 'x'`
  ],
  [
    "driver_sessions (driver_id, last_seen DESC)",
    /driver_sessions_last_seen/,
    `SELECT * FROM driver_sessions WHERE driver_id = ${id} ORDER BY last_seen DESC LIMIT 1`,
    "ordered"
  ],
  [
    "stale driver_sessions",
    /driver_sessions_open/,
    "SELECT * FROM driver_sessions WHERE ended_at IS NULL AND last_seen < now() - interval '1 hour'"
  ],
  [
    "ad_impressions (ad_id, occurred_at DESC)",
    /ad_id_occurred_at/,
    `SELECT * FROM ad_impressions WHERE ad_id = ${id} AND recorded_at > now() ORDER BY occurred_at DESC`
  ],
  [
    "orders (customer_id, created_at DESC)",
    /orders_customer_created/,
    `SELECT * FROM orders WHERE customer_id = ${id} ORDER BY created_at DESC LIMIT 20`,
    "ordered"
  ],
  [
    "orders (status, created_at DESC)",
    /orders_status_created/,
    "SELECT * FROM orders WHERE status = 'confirmed' ORDER BY created_at DESC LIMIT 20",
    "ordered"
  ],
  [
    "orders that ended lately (board)",
    /orders_ended/,
    "SELECT * FROM orders WHERE ended_at >= now() - interval '1 day'"
  ],
  [
    "shipments (status, promised_arrival_at)",
    /shipments_status_promised/,
    "SELECT * FROM shipments WHERE status = 'en_route' ORDER BY promised_arrival_at LIMIT 20",
    "ordered"
  ],
  [
    "shipments (current_driver_location_id)",
    /shipments_current_driver_location/,
    `SELECT * FROM shipments WHERE current_driver_location_id = ${id}`
  ],
  [
    "driver_assignments unique (shipment_id), the one who carries",
    /driver_assignments_carrier/,
    `SELECT * FROM driver_assignments WHERE shipment_id = ${id} AND status IN ('accepted', 'en_route', 'arrived')`
  ],
  [
    "driver_assignments partial (driver_id, status), active loads",
    /driver_assignments_load/,
    `SELECT * FROM driver_assignments WHERE driver_id = ${id} AND status IN ('accepted', 'en_route', 'arrived')`
  ],
  [
    "driver_assignments partial (expires_at), offers whose time is over",
    /driver_assignments_due/,
    "SELECT shipment_id FROM driver_assignments WHERE status = 'pending' AND expires_at <= now() ORDER BY expires_at LIMIT 200",
    "ordered"
  ],
  [
    "tracking_sessions unique (order_id, session_token)",
    /tracking_sessions_(order_)?token/,
    `SELECT * FROM tracking_sessions WHERE order_id = ${id} AND session_token = '\\x00'`
  ],
  [
    "tracking_sessions that have expired",
    /tracking_sessions_expires/,
    "SELECT * FROM tracking_sessions WHERE expires_at < now()"
  ],
  [
    "background_jobs (queue, status, created_at)",
    /background_jobs_monitor/,
    "SELECT * FROM background_jobs WHERE queue = 'q' AND status = 'failed' ORDER BY created_at",
    "ordered"
  ],
  [
    "messages (thread_id, created_at)",
    /messages_thread/,
    `SELECT * FROM messages WHERE thread_id = ${id} ORDER BY created_at LIMIT 50`,
    "ordered"
  ],
  [
    "message_threads (context_type, context_id)",
    /message_threads_context/,
    `SELECT * FROM message_threads WHERE context_type = 'support' AND context_id = ${id}`
  ],
  [
    "idempotency_keys unique (client_scope, external_ref)",
    /idempotency_keys_client_scope_external_ref_key/,
    "SELECT * FROM idempotency_keys WHERE client_scope = 'a' AND external_ref = 'b'"
  ],
  [
    "dispatch_reports unique (report_date, type)",
    /dispatch_reports_key/,
    "SELECT * FROM dispatch_reports WHERE report_date = '2026-01-01' AND type = 'daily'"
  ],
  [
    "the trail of a driver",
    /driver_id_recorded_at/,
    `SELECT * FROM driver_location_events WHERE driver_id = ${id} AND recorded_at BETWEEN now() - interval '1 hour' AND now() ORDER BY recorded_at`
  ],
  [
    "the timeline of an order",
    /shipment_events_.*order_id_event_no/,
    `SELECT * FROM shipment_events WHERE order_id = ${id} AND event_no > 3 ORDER BY event_no`
  ],
  [
    "the log of a row",
    /api_audit_logs_row/,
    `SELECT * FROM api_audit_logs WHERE table_name = 'orders' AND row_id = ${id} ORDER BY id DESC`,
    "ordered"
  ],
  [
    "webhooks that are due",
    /next_attempt_at/,
    "SELECT * FROM webhook_events WHERE status IN ('pending', 'failed') AND next_attempt_at < now()"
  ],
  [
    "schedules that are due",
    /scheduled_jobs_due/,
    "SELECT * FROM scheduled_jobs WHERE is_enabled AND next_run < now()"
  ],
  [
    "hours of all drivers",
    /driver_location_hours_hour/,
    "SELECT * FROM driver_location_hours WHERE hour >= now() - interval '1 day'"
  ]
]

it.for(uses)("%s serves its query", async ([, index, query, isOrdered]) => {
  const { rows } = await client.query(`EXPLAIN (FORMAT JSON) ${query}`)
  const nodes = nodesOf(rows[0]?.["QUERY PLAN"][0].Plan)
  expect(
    nodes.some((node) => index.test(node["Index Name"] ?? "")),
    JSON.stringify(nodes[0])
  ).toBe(true)
  if (isOrdered !== undefined) expect(nodes.map((node) => node["Node Type"])).not.toContain("Sort")
})

it("arrivals and ranges of time over all drivers are found by the BRIN", async () => {
  await client.query(
    `INSERT INTO driver_location_events (driver_id, recorded_at, received_at, seq, device_no, lat, lng)
     SELECT gen_random_uuid(), at, at, 1, 1, 1, 1
     FROM generate_series(1, 50000) AS n, LATERAL (SELECT now() - interval '1 hour' + n * interval '50 milliseconds' AS at) AS t`
  )
  await client.query("ANALYZE driver_location_events")
  await client.query("SET enable_bitmapscan = on; SET enable_indexscan = off")
  for (const column of ["recorded_at", "received_at"]) {
    const { rows } = await client.query(
      `EXPLAIN (FORMAT JSON) SELECT * FROM driver_location_events WHERE ${column} > now() - interval '5 minutes'`
    )
    const names = nodesOf(rows[0]?.["QUERY PLAN"][0].Plan).map((node) => node["Index Name"] ?? "")
    expect(
      names.filter((name) => /_recorded_at_receiv/.test(name)),
      `${column}: ${names.join(" ")}`
    ).not.toEqual([])
  }
  await client.query("SET enable_bitmapscan = off; SET enable_indexscan = on")
})
