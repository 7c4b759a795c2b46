import { copyColumns } from "./IngestBatch.ts"
import type { CursorAdvance, IngestDevice, QuarantinedPoint } from "./IngestDevice.ts"
import { float4Array, float8Array, int4Array, int8Array, textArray, timeArray, uuidArray } from "./PgArray.ts"
import { copyDataHead, copyDone, execute, int8, sync } from "./WireMessages.ts"

/** How far one commit moves one device's cursor, and what it settles without storing. */
export interface CursorMove {
  readonly device: IngestDevice
  readonly expectedSeq: number
  readonly lastSeq: number
  /** Time of point `lastSeq`; NaN when the phone sent none that can be stored. */
  readonly lastRecordedAt: number
  /** Where the batch's newest place for this device is kept; undefined leaves the marker as it is. */
  readonly marker: CursorAdvance | undefined
  readonly quarantined: ReadonlyArray<QuarantinedPoint>
}

/**
 * The ingest transaction's statements, prepared on each lane's connection.
 * `move` comes before COPY: it takes the row locks and, when a cursor was taken over or moved, fails the whole transaction
 * before any row is written (ADR 0004).
 */
export const ingestStatements = {
  begin: "BEGIN",
  move: `WITH moved AS (
  UPDATE driver_ingest_cursors AS c
  SET last_seq = a.last_seq,
      last_recorded_at = a.last_recorded_at,
      marker_recorded_at = coalesce(a.marker_recorded_at, c.marker_recorded_at),
      marker_received_at = coalesce(a.marker_received_at, c.marker_received_at),
      marker_lat = coalesce(a.marker_lat, c.marker_lat),
      marker_lng = coalesce(a.marker_lng, c.marker_lng),
      marker_speed = CASE WHEN a.marker_recorded_at IS NULL THEN c.marker_speed ELSE a.marker_speed END,
      marker_heading = CASE WHEN a.marker_recorded_at IS NULL THEN c.marker_heading ELSE a.marker_heading END,
      marker_accuracy = CASE WHEN a.marker_recorded_at IS NULL THEN c.marker_accuracy ELSE a.marker_accuracy END
  FROM unnest($1::uuid[], $2::int4[], $3::uuid[], $4::int8[], $5::int8[], $6::timestamptz[], $7::timestamptz[],
              $8::timestamptz[], $9::float8[], $10::float8[], $11::float4[], $12::float4[], $13::float4[])
    AS a(driver_id, device_no, session_id, expected_seq, last_seq, last_recorded_at, marker_recorded_at,
         marker_received_at, marker_lat, marker_lng, marker_speed, marker_heading, marker_accuracy)
  WHERE c.driver_id = a.driver_id AND c.device_no = a.device_no
    AND c.session_id = a.session_id AND c.last_seq = a.expected_seq
  RETURNING 1)
SELECT require_cursors_moved(count(*), $14::int8) FROM moved`,
  copy: `COPY driver_location_events (${copyColumns}) FROM STDIN (FORMAT binary)`,
  quarantine: `INSERT INTO telemetry_quarantine (driver_id, device_no, session_id, seq, code, detail)
SELECT driver_id, device_no, session_id, seq, code, detail::jsonb
FROM unnest($1::uuid[], $2::int4[], $3::uuid[], $4::int8[], $5::text[], $6::text[])
  AS q(driver_id, device_no, session_id, seq, code, detail)
ON CONFLICT DO NOTHING`,
  commit: "COMMIT"
} as const

/** The fence failed: some cursor is not where this batch expects it. */
export const cursorsNotMoved = "DM001"

/** The messages of one transaction, to be written at once. `copy` is undefined when nothing is stored. */
export const ingestMessages = (
  moves: ReadonlyArray<CursorMove>,
  copy: Uint8Array | undefined
): ReadonlyArray<Uint8Array> => {
  const messages: Array<Uint8Array> = [execute("begin"), execute("move", moveParameters(moves))]
  if (copy !== undefined) messages.push(execute("copy"), copyDataHead(copy.length), copy, copyDone)
  const quarantined = moves.flatMap((move) => move.quarantined.map((point) => ({ move, point })))
  if (quarantined.length > 0) messages.push(execute("quarantine", quarantineParameters(quarantined)))
  messages.push(execute("commit"), sync)
  return messages
}

const moveParameters = (moves: ReadonlyArray<CursorMove>): ReadonlyArray<Uint8Array> => {
  const count = moves.length
  const move = (i: number): CursorMove => moves[i] as CursorMove
  const marker = (read: (marker: CursorAdvance) => number) => (i: number) => {
    const at = move(i).marker
    return at === undefined ? Number.NaN : read(at)
  }
  return [
    uuidArray(count, (i) => move(i).device.driverWords),
    int4Array(count, (i) => move(i).device.deviceNo),
    uuidArray(count, (i) => move(i).device.sessionWords),
    int8Array(count, (i) => move(i).expectedSeq),
    int8Array(count, (i) => move(i).lastSeq),
    timeArray(count, (i) => move(i).lastRecordedAt),
    timeArray(
      count,
      marker((m) => m.markerRecordedAt)
    ),
    timeArray(
      count,
      marker((m) => m.markerReceivedAt)
    ),
    float8Array(
      count,
      marker((m) => m.markerLatE7 / 1e7)
    ),
    float8Array(
      count,
      marker((m) => m.markerLngE7 / 1e7)
    ),
    float4Array(
      count,
      marker((m) => m.markerSpeedCms / 100)
    ),
    float4Array(
      count,
      marker((m) => m.markerHeadingCdeg / 100)
    ),
    float4Array(
      count,
      marker((m) => m.markerAccuracyCm / 100)
    ),
    int8(count)
  ]
}

const quarantineParameters = (
  points: ReadonlyArray<{ readonly move: CursorMove; readonly point: QuarantinedPoint }>
): ReadonlyArray<Uint8Array> => {
  const count = points.length
  const at = (i: number) => points[i] as { readonly move: CursorMove; readonly point: QuarantinedPoint }
  return [
    uuidArray(count, (i) => at(i).move.device.driverWords),
    int4Array(count, (i) => at(i).move.device.deviceNo),
    uuidArray(count, (i) => at(i).move.device.sessionWords),
    int8Array(count, (i) => at(i).point.seq),
    textArray(count, (i) => at(i).point.code),
    textArray(count, (i) => at(i).point.detail)
  ]
}

/** The move that a whole advance asks for. */
export const wholeMove = (advance: CursorAdvance): CursorMove => ({
  device: advance.device,
  expectedSeq: advance.expectedSeq,
  lastSeq: advance.lastSeq,
  lastRecordedAt: advance.lastRecordedAt,
  marker: Number.isNaN(advance.markerRecordedAt) ? undefined : advance,
  quarantined: advance.quarantined ?? []
})
