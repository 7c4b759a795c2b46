import {
  flagsThatHoldTheMarker,
  plausibleSpeedCms,
  poorAccuracyCm,
  type QuarantineCode
} from "../../domain/TelemetryRules.ts"
import type { CursorAdvance, IngestDevice } from "./IngestDevice.ts"
import type { UuidWords } from "./UuidWords.ts"

/** The columns of a COPY row, in its order. `IngestBatch.append` writes exactly these. */
export const copyColumns =
  "driver_id, recorded_at, received_at, seq, lat, lng, session_id, device_no, speed, heading, accuracy, flags, speed_raw_cms, accuracy_raw_cm, source, battery"

/** Bytes of the longest row: 16 fields with a 4-byte length each. */
const rowBytesMax = 2 + 16 * 4 + 16 + 8 + 8 + 8 + 8 + 8 + 16 + 4 + 4 + 4 + 4 + 4 + 4 + 4 + 7 + 2

/** Where `recorded_at` stands in a row: after the field count, driver_id and its own length. */
const recordedAtOffset = 2 + 20 + 4

/** Where `seq` stands in a row: after the field count, driver_id, recorded_at and received_at. */
const seqOffset = 2 + 20 + 12 + 12 + 4

/** PGCOPY signature, no flags, no header extension. */
const copyHeader = Uint8Array.of(
  0x50,
  0x47,
  0x43,
  0x4f,
  0x50,
  0x59,
  0x0a,
  0xff,
  0x0d,
  0x0a,
  0x00,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0
)
export const copyHeaderBytes = copyHeader.length

const postgresEpochMs = 946_684_800_000
const dayMs = 86_400_000
const two32 = 4_294_967_296

/** Labels of the telemetry_source enum by the wire's number, as COPY BINARY wants them. */
const sourceLabels = ["gps", "fused", "network", "manual", "mock"].map((label) => new TextEncoder().encode(label))

/** One row of a batch: whose it is and where its bytes are. */
export interface BatchRow {
  readonly advance: CursorAdvance
  readonly seq: number
  readonly start: number
  readonly end: number
}

/**
 * Points on their way to one commit, encoded as they arrive straight into the bytes that COPY BINARY will be sent: there is
 * no object for a row. Rows lie in the order of arrival; each names its device's advance, so that a device's rows can be
 * dropped and a refused batch be split.
 */
export class IngestBatch {
  readonly bytes: Uint8Array<ArrayBuffer>
  private readonly view: DataView
  private readonly rowEnd: Uint32Array
  private readonly rowOwner: Uint32Array
  readonly advances: Array<CursorAdvance> = []
  /** UTC days (days since 1970) of the rows. */
  readonly days = new Set<number>()
  private lastDay = Number.NaN
  private end = copyHeaderBytes
  rows = 0
  quarantined = 0
  /** When the first point came in, server clock in ms; NaN while empty. */
  openedAt = Number.NaN

  constructor(rowsMax: number) {
    this.bytes = new Uint8Array(copyHeaderBytes + rowsMax * rowBytesMax + 2)
    this.view = new DataView(this.bytes.buffer)
    this.rowEnd = new Uint32Array(rowsMax)
    this.rowOwner = new Uint32Array(rowsMax)
    this.bytes.set(copyHeader)
  }

  get rowsMax(): number {
    return this.rowEnd.length
  }

  /** Points that a commit of this batch settles. */
  get points(): number {
    return this.rows + this.quarantined
  }

  /** Empties the batch for its next use. */
  reset(): void {
    this.advances.length = 0
    this.days.clear()
    this.lastDay = Number.NaN
    this.end = copyHeaderBytes
    this.rows = 0
    this.quarantined = 0
    this.openedAt = Number.NaN
  }

  /** The bytes for COPY: header, rows, trailer. Valid until the next append. */
  copyBytes(): Uint8Array {
    this.view.setInt16(this.end, -1)
    return this.bytes.subarray(0, this.end + 2)
  }

  /**
   * Encodes one accepted point, clamping what its flags say. Integers of the wire; NaN is unknown. The caller has checked
   * that `rows < rowsMax`, that `seq` is the device's next and that the fields are in range.
   */
  append(
    device: IngestDevice,
    seq: number,
    recordedAt: number,
    receivedAt: number,
    latE7: number,
    lngE7: number,
    speedCms: number,
    headingCdeg: number,
    accuracyCm: number,
    battery: number,
    source: number,
    flags: number
  ): void {
    const advance = device.advanceIn(this)
    const view = this.view
    let at = this.end
    view.setInt16(at, 16)
    at = putUuid(view, at + 2, device.driverWords)
    at = putTime(view, at, recordedAt)
    at = putTime(view, at, receivedAt)
    view.setInt32(at, 8)
    const high = Math.floor(seq / two32)
    view.setInt32(at + 4, high)
    view.setUint32(at + 8, seq - high * two32)
    at = putFloat64(view, at + 12, latE7 / 1e7)
    at = putFloat64(view, at, lngE7 / 1e7)
    at = putUuid(view, at, device.sessionWords)
    at = putInt32(view, at, device.deviceNo)
    at = putFloat32(view, at, Math.min(speedCms, plausibleSpeedCms) / 100)
    at = putFloat32(view, at, headingCdeg / 100)
    at = putFloat32(view, at, accuracyCm >= poorAccuracyCm ? Number.NaN : accuracyCm / 100)
    at = putInt32(view, at, flags)
    at = putInt32(view, at, speedCms > plausibleSpeedCms ? speedCms : Number.NaN)
    at = putInt32(view, at, accuracyCm >= poorAccuracyCm ? accuracyCm : Number.NaN)
    const label = sourceLabels[source] as Uint8Array
    view.setInt32(at, label.length)
    at += 4
    for (let i = 0; i < label.length; i++) view.setUint8(at++, label[i] as number)
    at = putInt16(view, at, battery)
    this.end = at
    this.rowEnd[this.rows] = at
    this.rowOwner[this.rows] = advance.index
    this.rows++
    device.acceptedSeq = seq
    advance.lastSeq = seq
    advance.lastRecordedAt = recordedAt
    const day = Math.floor(recordedAt / dayMs)
    if (day !== this.lastDay) {
      this.lastDay = day
      this.days.add(day)
    }
    if ((flags & flagsThatHoldTheMarker) === 0 && isNewer(recordedAt, receivedAt, device)) {
      device.markerRecordedAt = recordedAt
      device.markerReceivedAt = receivedAt
      advance.markerRecordedAt = recordedAt
      advance.markerReceivedAt = receivedAt
      advance.markerLatE7 = latE7
      advance.markerLngE7 = lngE7
      advance.markerSpeedCms = Math.min(speedCms, plausibleSpeedCms)
      advance.markerHeadingCdeg = headingCdeg
      advance.markerAccuracyCm = accuracyCm
    }
  }

  /** Settles one point without a row. `recordedAt` is NaN when the phone sent none. */
  quarantine(device: IngestDevice, seq: number, recordedAt: number, code: QuarantineCode, detail: string): void {
    const advance = device.advanceIn(this)
    const list = advance.quarantined ?? []
    list.push({ seq, code, detail })
    advance.quarantined = list
    advance.lastSeq = seq
    // WELCOME repeats this time to the phone, which takes a different one for a restored backup: exact, or unknown.
    advance.lastRecordedAt = isStorableTime(recordedAt) ? recordedAt : Number.NaN
    device.acceptedSeq = seq
    this.quarantined++
  }

  /** The rows, grouped by device and within a device by seq. For the rare paths that take a batch apart. */
  listRows(): ReadonlyArray<BatchRow> {
    const rows: Array<BatchRow> = []
    for (let i = 0; i < this.rows; i++) {
      const advance = this.advances[this.rowOwner[i] as number] as CursorAdvance
      const start = i === 0 ? copyHeaderBytes : (this.rowEnd[i - 1] as number)
      const seq = this.view.getInt32(start + seqOffset) * two32 + this.view.getUint32(start + seqOffset + 4)
      rows.push({ advance, seq, start, end: this.rowEnd[i] as number })
    }
    return rows.sort((a, b) => a.advance.index - b.advance.index || a.seq - b.seq)
  }

  /** When a row's point was recorded, Unix ms. */
  recordedAtOf(row: BatchRow): number {
    const at = row.start + recordedAtOffset
    return (this.view.getInt32(at) * two32 + this.view.getUint32(at + 4)) / 1000 + postgresEpochMs
  }

  /** COPY bytes of some of the rows. */
  copyBytesOf(rows: ReadonlyArray<BatchRow>): Uint8Array {
    const size = rows.reduce((sum, row) => sum + row.end - row.start, copyHeaderBytes + 2)
    const bytes = new Uint8Array(size)
    bytes.set(copyHeader)
    let at = copyHeaderBytes
    for (const row of rows) {
      bytes.set(this.bytes.subarray(row.start, row.end), at)
      at += row.end - row.start
    }
    bytes[at] = 0xff
    bytes[at + 1] = 0xff
    return bytes
  }
}

/**
 * Whether the cursor can keep a quarantined point's time so exactly that WELCOME can repeat it: whole milliseconds whose
 * microseconds since 2000 a double holds (1714 to 2285).
 */
export const isStorableTime = (time: number): boolean =>
  Number.isInteger(time) && Math.abs(time - postgresEpochMs) <= Number.MAX_SAFE_INTEGER / 1000

const isNewer = (recordedAt: number, receivedAt: number, device: IngestDevice): boolean =>
  recordedAt > device.markerRecordedAt ||
  (recordedAt === device.markerRecordedAt && receivedAt > device.markerReceivedAt)

const putUuid = (view: DataView, at: number, words: UuidWords): number => {
  view.setInt32(at, 16)
  words.put(view, at + 4)
  return at + 20
}

/** Unix milliseconds as timestamptz: microseconds since 2000. */
const putTime = (view: DataView, at: number, unixMs: number): number => {
  const micros = (unixMs - postgresEpochMs) * 1000
  const high = Math.floor(micros / two32)
  view.setInt32(at, 8)
  view.setInt32(at + 4, high)
  view.setUint32(at + 8, micros - high * two32)
  return at + 12
}

const putFloat64 = (view: DataView, at: number, value: number): number => {
  view.setInt32(at, 8)
  view.setFloat64(at + 4, value)
  return at + 12
}

const putNull = (view: DataView, at: number): number => {
  view.setInt32(at, -1)
  return at + 4
}

const putFloat32 = (view: DataView, at: number, value: number): number => {
  if (Number.isNaN(value)) return putNull(view, at)
  view.setInt32(at, 4)
  view.setFloat32(at + 4, value)
  return at + 8
}

const putInt32 = (view: DataView, at: number, value: number): number => {
  if (Number.isNaN(value)) return putNull(view, at)
  view.setInt32(at, 4)
  view.setInt32(at + 4, value)
  return at + 8
}

const putInt16 = (view: DataView, at: number, value: number): number => {
  if (Number.isNaN(value)) return putNull(view, at)
  view.setInt32(at, 2)
  view.setInt16(at + 4, value)
  return at + 6
}
