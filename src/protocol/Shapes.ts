import { Schema } from "effect"
import { fieldRange } from "../domain/TelemetryRules.ts"

const between = (range: { readonly min: number; readonly max: number }) =>
  Schema.Int.check(Schema.isBetween({ minimum: range.min, maximum: range.max }))

/** Integers of the wire, with their ranges (02-protocol, section 1). */
export const latE7 = between(fieldRange.latE7)
export const lngE7 = between(fieldRange.lngE7)
export const speedCms = between(fieldRange.speedCms)
export const headingCdeg = between(fieldRange.headingCdeg)
export const accuracyCm = between(fieldRange.accuracyCm)
export const battery = between(fieldRange.battery)
export const source = Schema.Literals([0, 1, 2, 3, 4])
export const timeMs = Schema.Int
export const seq = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }))
export const count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
export const difference = Schema.Int
export const uuid = Schema.String.check(Schema.isUUID())
export const platform = Schema.Literals(["ios", "android", "web", "other"])
export const duty = Schema.Literals(["on", "off", "break"])
export const taskAction = Schema.Literals([
  "en_route_to_pickup",
  "at_pickup",
  "picked_up",
  "en_route",
  "arrived",
  "delivered",
  "handed_off",
  "failed",
  "returned"
])
export const stage = Schema.Literals(["scheduled", "assigned", "on_the_way", "nearby", "arrived", "done"])
export const refusalCode = Schema.Literals(["sequence_gap", "credit_exceeded", "buffer_full", "malformed_frame"])
export const quarantineCode = Schema.Literals([
  "not_finite",
  "out_of_range",
  "wrong_type",
  "clock_future",
  "clock_past",
  "off_duty",
  "refused_by_database"
])
/** A list of 1 to 500 entries. */
export const batchOf = (entry: Schema.Decoder<unknown>) =>
  Schema.Array(entry).check(Schema.isMinLength(1), Schema.isMaxLength(500))

const text = Schema.String
const some = Schema.optionalKey

/** Shapes inside frames (02-protocol, section 5). */
export const Cadence = Schema.Struct({ moving_ms: count, idle_ms: count, batch: count }).annotate({
  identifier: "cadence",
  description:
    "how often the server would like points: milliseconds between points while moving and idle, points in a BATCH"
})
export const Vehicle = Schema.Struct({ type: text, colour: some(text), plate_hint: some(text) }).annotate({
  identifier: "vehicle"
})
export const Eta = Schema.Struct({ p50_at: timeMs, p90_at: timeMs, computed_at: timeMs, source: text }).annotate({
  identifier: "eta",
  description: "source says what it rests on: position (where the driver is) or schedule (what was promised)"
})
export const Stop = Schema.Struct({
  stop_id: text,
  type: Schema.Literals(["pickup", "dropoff", "break"]),
  position: count,
  lat: Schema.Finite,
  lng: Schema.Finite,
  address: some(text),
  window: some(Schema.Struct({ start: timeMs, end: timeMs })),
  status: text,
  requirements: Schema.Array(text)
}).annotate({ identifier: "stop" })
export const OfferedShipment = Schema.Struct({
  shipment_id: text,
  order_ref: text,
  stops: Schema.Array(Stop),
  distance_m: count,
  pay: some(Schema.Struct({ amount: Schema.Int, currency: text })),
  size: some(text),
  notes: some(text)
}).annotate({ identifier: "shipment" })
export const Break = Schema.Struct({
  stop_id: text,
  run_id: text,
  type: Schema.Literal("break"),
  position: count,
  lat: Schema.Finite,
  lng: Schema.Finite,
  address: some(text),
  duration_s: count,
  status: text
}).annotate({ identifier: "break", description: "where a driver rests; position counts within its run" })
export const Task = Schema.Struct({
  assignment_id: text,
  shipment_id: text,
  fencing_token: Schema.Int,
  status: text,
  shipment_status: some(text),
  sequence: count,
  run_id: some(text),
  stops: Schema.Array(Stop),
  contact: some(Schema.Struct({ first_name: text, thread_id: text }))
}).annotate({ identifier: "task" })
export const Message = Schema.Struct({
  message_id: text,
  author_role: text,
  text,
  attachments: Schema.Array(Schema.Unknown),
  created_at: timeMs
}).annotate({ identifier: "message" })
export const TimelineEvent = Schema.Struct({
  offset: count,
  type: text,
  occurred_at: timeMs,
  data: Schema.Record(Schema.String, Schema.Unknown)
}).annotate({ identifier: "event" })
export const ResultDetail = Schema.Struct({
  code: some(text),
  detail: some(text),
  allowed: some(Schema.Array(text)),
  retryable: some(Schema.Boolean)
}).annotate({ identifier: "result_detail" })
export const Position = Schema.Tuple([
  timeMs,
  latE7,
  lngE7,
  Schema.NullOr(speedCms),
  Schema.NullOr(headingCdeg)
]).annotate({
  identifier: "position",
  description: "[recordedAt, latE7, lngE7, speedCms, headingCdeg]"
})
export const TrackingState = Schema.Struct({
  order_id: text,
  order: some(
    Schema.Struct({
      number: some(text),
      items: Schema.Array(Schema.Struct({ name: text, quantity: count }))
    })
  ),
  shipment_status: some(Schema.NullOr(text)),
  stage,
  stops_ahead: some(Schema.NullOr(count)),
  eta: some(Schema.NullOr(Eta)),
  driver: some(Schema.NullOr(Schema.Struct({ first_name: text, vehicle: some(Schema.NullOr(Vehicle)) }))),
  position: some(Schema.NullOr(Position)),
  destination: some(Schema.NullOr(Schema.Struct({ lat: Schema.Finite, lng: Schema.Finite }))),
  delivery_pin: some(Schema.NullOr(text)),
  timeline: some(Schema.Array(TimelineEvent)),
  expires_at: some(Schema.NullOr(timeMs))
}).annotate({ identifier: "state", description: "a field above the stage is absent" })
export const FleetFilter = Schema.Struct({
  bbox: some(Schema.NullOr(Schema.Tuple([Schema.Finite, Schema.Finite, Schema.Finite, Schema.Finite]))),
  interval_ms: some(Schema.NullOr(count))
}).annotate({
  identifier: "view",
  description: "bbox is [west, south, east, north] in degrees; the interval 1000 by default, least 200"
})
