import type pg from "pg"

/** Columns and values of one row; JSON, as `jsonb_populate_record` reads it. */
export type Row = Readonly<Record<string, unknown>>

/** A UUIDv7-shaped id that says whose it is. */
export const idOf = (n: number): string => `01900000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`

const hash = `\\x${"ab".repeat(32)}`
const now = new Date().toISOString()
const later = new Date(Date.now() + 3_600_000).toISOString()

const user = idOf(1)
const customer = idOf(2)
const wechat = idOf(3)
const session = idOf(4)
const key = idOf(5)
const vehicle = idOf(6)
const driver = idOf(7)
const device = idOf(8)
const driverSession = idOf(9)
const product = idOf(10)
const address = idOf(11)
const order = idOf(12)
const payment = idOf(13)
const shipment = idOf(14)
const assignment = idOf(15)
const run = idOf(16)
const file = idOf(17)
const ad = idOf(18)
const thread = idOf(19)
const message = idOf(20)
const report = idOf(21)
const webhook = idOf(22)

/**
 * One row that every rule lets in, for each table, in an order in which they can be inserted. Each has every column that a rule
 * speaks of, so that one wrong value is enough to break that rule and no other.
 */
export const goodRows: ReadonlyArray<readonly [table: string, row: Row]> = [
  ["users", { id: user, email: "ada@example.com", phone: "+4912345", name: "Ada", role: "customer", status: "active" }],
  ["user_roles", { user_id: user, role: "customer" }],
  [
    "auth_sessions",
    {
      id: session,
      user_id: user,
      kind: "login",
      refresh_token_hash: hash,
      expires_at: later,
      revoked_at: now,
      revoked_reason: "logout"
    }
  ],
  ["wechat_accounts", { id: wechat, app_id: "wx1", open_id: "open", union_id: "union", nickname: "ada" }],
  [
    "customers",
    { id: customer, user_id: user, wechat_account_id: wechat, name: "Ada", deleted_at: now, erased_at: now }
  ],
  [
    "idempotency_keys",
    {
      id: key,
      client_scope: `user:${user}`,
      external_ref: "k",
      fingerprint: hash,
      response_status: 201,
      response_body: "\\x7b7d",
      expires_at: later
    }
  ],
  ["system_settings", { key: "a.b", value: true, description: "d" }],
  ["feature_flags", { key: "a.b", rollout_pct: 50, description: "d" }],
  ["vehicles", { id: vehicle, type: "van", plate: "W 1", colour: "red", capacity: {} }],
  ["drivers", { id: driver, user_id: user, employment_status: "active", duty: "on", duty_changed_at: now }],
  [
    "driver_profiles",
    {
      driver_id: driver,
      vehicle_id: vehicle,
      vehicle_preference: "van",
      license: {},
      service_region: { type: "Polygon" }
    }
  ],
  [
    "driver_devices",
    { id: device, driver_id: driver, device_no: 1, platform: "ios", device_identifier: "phone", push_token: "t" }
  ],
  ["driver_sessions", { id: driverSession, driver_id: driver, device_id: device, app_version: "1", node: "n" }],
  ["driver_duty_changes", { driver_id: driver, command_id: idOf(30), duty: "on", occurred_at: now }],
  [
    "driver_commands",
    { driver_id: driver, command_id: idOf(31), kind: "duty", fingerprint: hash, ok: true, occurred_at: now }
  ],
  [
    "driver_location_events",
    {
      driver_id: driver,
      recorded_at: now,
      seq: 1,
      lat: 48,
      lng: 16,
      session_id: driverSession,
      device_no: 1,
      speed: 3,
      heading: 90,
      accuracy: 5,
      battery: 80
    }
  ],
  ["driver_ingest_cursors", { driver_id: driver, device_no: 1, session_id: driverSession, last_seq: 1 }],
  ["telemetry_quarantine", { driver_id: driver, device_no: 1, seq: 2, code: "clock_past", detail: {} }],
  ["products", { id: product, name: "Box", description: "d", price: 1, currency: "EUR", stock: 5 }],
  [
    "delivery_addresses",
    {
      id: address,
      customer_id: customer,
      label: "home",
      line1: "Street 1",
      line2: "x",
      city: "Wien",
      region: "W",
      postal_code: "1010",
      country: "AT",
      lat: 48,
      lng: 16,
      instructions: "ring"
    }
  ],
  [
    "orders",
    {
      id: order,
      customer_id: customer,
      placed_by: user,
      status: "confirmed",
      source_channel: "web",
      external_id: "shop-1",
      delivery_address_id: address,
      contact_name: "Ada",
      contact_phone: "+43",
      contact_email: "ada@example.com",
      pickup_line1: "Depot",
      pickup_lat: 48,
      pickup_lng: 16,
      window_start: now,
      window_end: later,
      notes: "n",
      total: 1,
      currency: "EUR"
    }
  ],
  ["order_items", { order_id: order, position: 1, product_id: product, name: "Box", quantity: 1, unit_price: 1 }],
  [
    "payments",
    {
      id: payment,
      order_id: order,
      status: "settled",
      processor: "sandbox",
      processor_ref: "pay_1",
      amount: 10,
      settled_amount: 10,
      currency: "EUR",
      idempotency_key_id: key
    }
  ],
  [
    "payment_attempts",
    {
      payment_id: payment,
      attempt_no: 1,
      operation: "authorize",
      outcome: "declined",
      amount: 10,
      error_code: "card_declined",
      processor_ref: "p",
      request_id: "r"
    }
  ],
  [
    "refunds",
    {
      id: idOf(32),
      payment_id: payment,
      status: "succeeded",
      amount: 1,
      reason: "late",
      processor_ref: "re_1",
      requested_by: user
    }
  ],
  [
    "shipments",
    {
      id: shipment,
      order_id: order,
      status: "assigned",
      version: 1,
      fencing_counter: 1,
      courier_notes: "n",
      current_driver_location_id: driver,
      estimated_arrival_at: now,
      estimated_arrival_p90_at: later,
      estimated_at: now
    }
  ],
  [
    "driver_assignments",
    { id: assignment, shipment_id: shipment, driver_id: driver, status: "accepted", fencing_token: 1 }
  ],
  [
    "delivery_runs",
    {
      id: run,
      driver_id: driver,
      vehicle_id: vehicle,
      status: "completed",
      name: "Tour",
      started_at: now,
      ended_at: later
    }
  ],
  [
    "route_stops",
    {
      id: idOf(33),
      shipment_id: shipment,
      run_id: run,
      stop_type: "dropoff",
      position: 1,
      lat: 48,
      lng: 16,
      address: "Street 1"
    }
  ],
  [
    "shipment_events",
    {
      id: idOf(34),
      order_id: order,
      event_no: 1,
      shipment_id: shipment,
      version: 1,
      type: "shipment.created",
      occurred_at: now,
      recorded_at: now,
      actor_kind: "system",
      cause: "test",
      data: {}
    }
  ],
  [
    "tracking_sessions",
    { id: idOf(35), order_id: order, customer_id: customer, session_token: hash, created_by: user, expires_at: later }
  ],
  [
    "files",
    {
      id: file,
      bucket: "b",
      key: "k",
      mime: "image/jpeg",
      bytes: 1,
      sha256: hash,
      name: "door.jpg",
      customer_id: customer,
      uploaded_by: user,
      stored_at: now
    }
  ],
  [
    "ads",
    {
      id: ad,
      name: "Ad",
      placement: "home",
      title: "Ad",
      body: "b",
      media_file_id: file,
      media_url: "https://a.example/i",
      click_url: "https://a.example/",
      targeting: {},
      daily_cap: 3,
      starts_at: now,
      ends_at: later
    }
  ],
  [
    "ad_impressions",
    {
      id: idOf(36),
      ad_id: ad,
      customer_id: customer,
      channel: "web",
      placement: "home",
      occurred_at: now,
      recorded_at: now
    }
  ],
  [
    "message_threads",
    {
      id: thread,
      context_type: "order",
      context_id: order,
      channel: "web",
      customer_id: customer,
      subject: "s",
      created_by: user
    }
  ],
  [
    "messages",
    { id: message, thread_id: thread, author_customer_id: customer, author_kind: "customer", body: "hello" }
  ],
  ["message_attachments", { message_id: message, position: 1, file_id: file }],
  ["message_reads", { thread_id: thread, user_id: user, read_at: now }],
  [
    "scheduled_jobs",
    { key: "a.b", cron: "0 0 * * *", next_run: later, last_run: now, last_status: "succeeded", last_error: "e" }
  ],
  [
    "background_jobs",
    {
      id: idOf(37),
      queue: "webhooks",
      job_id: "1",
      name: "deliver",
      payload: {},
      status: "dead",
      retries: 1,
      retries_max: 5,
      last_error: "e",
      order_id: order,
      request_id: "r",
      ended_at: now
    }
  ],
  [
    "dispatch_reports",
    {
      id: report,
      report_date: "2026-01-01",
      type: "daily",
      status: "succeeded",
      file_id: file,
      storage_url: "s3://x",
      requested_by: user
    }
  ],
  [
    "report_runs",
    {
      id: idOf(38),
      dispatch_report_id: report,
      queue_job_id: "1",
      status: "succeeded",
      started_at: now,
      ended_at: later,
      duration_ms: 1,
      row_count: 1,
      bytes: 1,
      error: "e"
    }
  ],
  [
    "webhooks",
    {
      id: webhook,
      url: "https://shop.example/hook",
      description: "d",
      event_types: ["order.confirmed"],
      status: "disabled",
      disabled_reason: "gone",
      secret: hash,
      previous_secret: hash,
      previous_secret_expires_at: later,
      created_by: user
    }
  ],
  [
    "webhook_events",
    {
      id: idOf(39),
      webhook_id: webhook,
      event_id: idOf(34),
      event_type: "shipment.created",
      order_id: order,
      sequence: 1,
      payload: {},
      status: "delivered",
      attempts: 1,
      response_code: 200,
      response_ms: 5,
      last_error: "e",
      attempt_log: [],
      created_at: now,
      ended_at: now
    }
  ],
  ["api_audit_logs", { table_name: "orders", row_id: order, action: "UPDATE", changes: {}, actor_roles: "admin" }],
  [
    "driver_location_hours",
    {
      driver_id: driver,
      hour: "2026-01-01T10:00:00Z",
      points: 1,
      first_at: "2026-01-01T10:01:00Z",
      last_at: "2026-01-01T10:02:00Z",
      distance_m: 1,
      speed_avg: 1,
      speed_max: 1,
      lat_min: 48,
      lat_max: 48,
      lng_min: 16,
      lng_max: 16
    }
  ],
  ["roll_up_marks", { name: "arrivals", received_at: now }],
  ["outbox", { event_id: idOf(40), order_id: order, event_no: 9, recorded_at: now }],
  ["retention_policies", { table_name: "another", period: "day", keep: "30 days" }],
  ["schema_migrations", { name: "99_x.sql", checksum: "ab".repeat(32), duration_ms: 1 }]
]

/** Inserts one row; generated columns and defaults are the table's. */
export const insertRow = async (client: pg.ClientBase, table: string, row: Row): Promise<void> => {
  const columns = Object.keys(row)
    .map((column) => `"${column}"`)
    .join(", ")
  await client.query(
    `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM jsonb_populate_record(NULL::${table}, $1::jsonb)`,
    [JSON.stringify(row)]
  )
}
