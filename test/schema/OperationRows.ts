import type { GoodRow } from "./GoodRows.ts"
import {
  ad,
  assignment,
  customer,
  driver,
  file,
  hash,
  idOf,
  later,
  message,
  now,
  order,
  report,
  shipment,
  thread,
  user,
  webhook
} from "./RowIds.ts"

/** Files, ads, messages, jobs, reports, webhooks and what the schema keeps of itself. */
export const operationRows: ReadonlyArray<GoodRow> = [
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
      purpose: "proof",
      uploaded_by: user,
      received_bytes: 1,
      stored_at: now
    }
  ],
  [
    "proofs",
    {
      id: idOf(60),
      order_id: order,
      shipment_id: shipment,
      assignment_id: assignment,
      driver_id: driver,
      position: 1,
      type: "photo",
      sha256: hash,
      file_id: file,
      captured_at: now,
      added_at: now
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
  [
    "outbox",
    {
      event_id: idOf(40),
      order_id: order,
      event_no: 9,
      type: "order.drafted",
      recorded_at: now,
      published_no: 9,
      relayed_at: now,
      settled_at: now
    }
  ],
  ["event_logs", { name: "another", published_no: 2, trimmed_no: 1 }],
  ["event_positions", { order_id: order, consumer: "another", event_no: 1 }],
  ["retention_policies", { table_name: "another", period: "day", keep: "30 days" }],
  ["schema_migrations", { name: "99_x.sql", checksum: "ab".repeat(32), duration_ms: 1 }]
]
