import type { GoodRow } from "./GoodRows.ts"
import {
  customer,
  device,
  driver,
  driverSession,
  hash,
  idOf,
  key,
  later,
  now,
  session,
  user,
  vehicle,
  wechat
} from "./RowIds.ts"

/** Users, customers, drivers, their phones and where they were. */
export const peopleRows: ReadonlyArray<GoodRow> = [
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
  ["telemetry_quarantine", { driver_id: driver, device_no: 1, seq: 2, code: "clock_past", detail: {} }]
]
