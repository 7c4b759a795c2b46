import { Effect, Redacted } from "effect"
import pg from "pg"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { migrate } from "../../src/persistence/Migrations.ts"
import { type FreshDatabase, freshDatabase } from "../kit/TestServices.ts"
import { goodRows, idOf, insertRow, type Row } from "./GoodRows.ts"

const marker = "zx9marker"

/** Where people leave what tells who they are. */
const personal: Readonly<Record<string, Row>> = {
  users: { email: `${marker}@example.com`, phone: `+${marker}`, name: marker },
  auth_sessions: { device_info: { model: marker } },
  wechat_accounts: { open_id: marker, union_id: marker, nickname: marker },
  customers: { name: marker, deleted_at: null, erased_at: null },
  idempotency_keys: { response_body: `\\x${Buffer.from(JSON.stringify({ note: marker })).toString("hex")}` },
  delivery_addresses: {
    label: marker,
    line1: marker,
    line2: marker,
    postal_code: marker,
    instructions: marker,
    lat: 48.20849,
    lng: 16.37208
  },
  orders: {
    status: "fulfilled",
    ended_at: new Date().toISOString(),
    contact_name: marker,
    contact_phone: marker,
    contact_email: marker,
    pickup_line1: marker,
    pickup_lat: 48.20849,
    pickup_lng: 16.37208,
    notes: marker,
    parcel_barcode: marker
  },
  shipments: { courier_notes: marker },
  route_stops: { address: marker, lat: 48.20849, lng: 16.37208 },
  shipment_events: {
    type: "shipment.delivered",
    data: {
      assignment_id: idOf(15),
      note: marker,
      proof: { type: "note", value: marker },
      reason_code: "left",
      anything_new: marker
    }
  },
  refunds: { reason: marker },
  files: { name: marker },
  proofs: { type: "note", sha256: null, value: marker },
  message_threads: { subject: marker },
  messages: { body: marker },
  webhook_events: { payload: { contact: marker }, last_error: marker },
  background_jobs: { payload: { to: marker }, last_error: marker }
}

let database: FreshDatabase
let client: pg.Client

beforeEach(async () => {
  database = await freshDatabase()
  await Effect.runPromise(migrate(Redacted.make(database.url)))
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query("SELECT ensure_telemetry_day((now() AT TIME ZONE 'UTC')::date)")
  for (const [table, row] of goodRows) await insertRow(client, table, { ...row, ...personal[table] })
  // The driver of the good rows is somebody else than the customer.
  await insertRow(client, "users", { id: idOf(600), phone: "+1", name: "Dana", role: "driver" })
  await client.query("UPDATE drivers SET user_id = $1", [idOf(600)])
})

afterEach(async () => {
  await client.end()
  await database.drop()
})

/** Tables in which the marker is found, in plain or as bytes. */
const found = async (): Promise<ReadonlyArray<string>> => {
  const { rows } = await client.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm') AND NOT relispartition ORDER BY 1"
  )
  const tables: Array<string> = []
  for (const { name } of rows) {
    const { rows: hits } = await client.query(
      `SELECT FROM ${name} AS t WHERE t::text LIKE '%' || $1 || '%' OR t::text LIKE '%' || encode(convert_to($1, 'UTF8'), 'hex') || '%' LIMIT 1`,
      [marker]
    )
    if (hits.length > 0) tables.push(name)
  }
  return tables
}

const erase = async (): Promise<Row> =>
  (await client.query("SELECT erase_customer($1) AS report", [idOf(2)])).rows[0]?.report

describe("erase_customer", () => {
  it("leaves nothing of the person anywhere, and says what it did", async () => {
    expect(await found()).toEqual(Object.keys(personal).sort())
    const report = await erase()
    expect(await found()).toEqual([])
    expect(report).toMatchObject({
      customer_id: idOf(2),
      already_erased: false,
      rows: {
        customers: 1,
        users: 1,
        auth_sessions: 1,
        wechat_accounts: 1,
        delivery_addresses: 1,
        orders: 1,
        shipments: 1,
        shipment_events: 1,
        proofs: 1,
        messages: 1,
        tracking_sessions: 1,
        idempotency_keys: 1,
        webhook_events: 1,
        background_jobs: 1
      },
      files: [{ id: idOf(17), bucket: "b", key: "k" }]
    })
  })

  it("keeps what the business counts by, and the timeline's meaning", async () => {
    const numbers = async () =>
      (
        await client.query(
          `SELECT (SELECT count(*) FROM orders) AS orders, (SELECT sum(total) FROM orders) AS total, (SELECT count(*) FROM shipments) AS shipments,
             (SELECT count(*) FROM payments) AS payments, (SELECT sum(refunded_amount) FROM payments) AS refunded,
             (SELECT count(*) FROM shipment_events) AS events, (SELECT count(*) FROM messages) AS messages,
             (SELECT count(*) FROM ad_impressions) AS impressions, (SELECT round(min(lat)::numeric, 1) FROM delivery_addresses) AS lat`
        )
      ).rows[0]
    const before = await numbers()
    await erase()
    expect(await numbers()).toEqual(before)
    const { rows } = await client.query("SELECT data FROM shipment_events")
    expect(rows[0]?.data).toEqual({ assignment_id: idOf(15), proof: { type: "note" }, reason_code: "left" })
    const { rows: address } = await client.query("SELECT lat, lng, city FROM delivery_addresses")
    expect(address[0]).toEqual({ lat: 48.2, lng: 16.4, city: "Wien" })
  })

  it("changes nothing the second time, and says so", async () => {
    const first = await erase()
    const { rows: before } = await client.query("SELECT max(id) AS id FROM api_audit_logs")
    const again = await erase()
    expect(again).toMatchObject({ already_erased: true, erased_at: first.erased_at, rows: {}, files: [] })
    expect((await client.query("SELECT max(id) AS id FROM api_audit_logs")).rows).toEqual(before)
  })

  it("waits for an order that is under way", async () => {
    await client.query("UPDATE orders SET status = 'confirmed', ended_at = NULL")
    await expect(erase()).rejects.toMatchObject({ code: "DM002" })
    expect(await found()).toEqual(Object.keys(personal).sort())
  })

  it("keeps the account of somebody who also works here, without what made them a customer", async () => {
    await insertRow(client, "user_roles", { user_id: idOf(1), role: "dispatcher" })
    const report = await erase()
    expect(report.rows).toMatchObject({ users: 0, user_roles: 1 })
    expect(await found()).toEqual(["auth_sessions", "users"])
    const { rows } = await client.query("SELECT role FROM user_roles WHERE user_id = $1", [idOf(1)])
    expect(rows).toEqual([{ role: "dispatcher" }])
  })

  it("does not know a customer that is not there", async () => {
    await expect(client.query("SELECT erase_customer($1)", [idOf(999)])).rejects.toMatchObject({ code: "P0002" })
  })

  it("may be asked for by the jobs' role only", async () => {
    const app = new pg.Client({ connectionString: database.url, options: "-c role=dropmate_app" })
    await app.connect()
    try {
      await expect(app.query("SELECT erase_customer($1)", [idOf(2)])).rejects.toMatchObject({ code: "42501" })
    } finally {
      await app.end()
    }
  })
})
