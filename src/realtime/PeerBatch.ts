import { putUuid, uuidText } from "../domain/Ids.ts"
import type { DutyChange } from "../domain/TelemetryRules.ts"
import type { LivePlace } from "./OrderChannel.ts"

/** What a node tells the others of one of its drivers. */
export interface PeerRow {
  readonly driverId: string
  /** Whether a phone of theirs is connected to that node. */
  readonly isConnected: boolean
  readonly duty: DutyChange["duty"] | undefined
  /** The telling node's clock, ms: when the driver was last heard of. */
  readonly heardAt: number
  readonly place: LivePlace | undefined
}

/** What a node tells the others at one moment. */
export interface PeerBatch {
  /** A UUID for each process: what a node hears of itself is thrown away. */
  readonly nodeId: string
  /** It has drivers, so its silence means something. */
  readonly hasDrivers: boolean
  /** It has just begun to listen and knows nobody: everything is to be told again. */
  readonly isNew: boolean
  /** It goes: nothing more will come. */
  readonly isLeaving: boolean
  readonly rows: ReadonlyArray<PeerRow>
}

/** Bytes that are no batch, or one of another version of the program. */
export class NotABatch {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

/** Raised whenever the layout changes: nodes of two versions do not read each other, and poll what is committed instead. */
const version = 1
/** Version, flags, node id, number of rows. */
const headBytes = 22
/** Driver, recorded, heard, latitude, longitude, speed, heading, state. */
const rowBytes = 45

const hasDriversBit = 1
const isNewBit = 2
const isLeavingBit = 4

const isConnectedBit = 1
const hasPlaceBit = 2
const dutyShift = 2
const duties = [undefined, "on", "break", "off"] as const

const unknown = 0xffff
const known = (value: number): number => (value >= 0 && value < unknown ? Math.round(value) : unknown)
const told = (value: number): number => (value === unknown ? Number.NaN : value)

const putRow = (view: DataView, bytes: Uint8Array, at: number, row: PeerRow): void => {
  const { place } = row
  putUuid(bytes, at, row.driverId)
  view.setFloat64(at + 16, place?.recordedAt ?? 0)
  view.setFloat64(at + 24, row.heardAt)
  view.setInt32(at + 32, place?.latE7 ?? 0)
  view.setInt32(at + 36, place?.lngE7 ?? 0)
  view.setUint16(at + 40, known(place?.speedCms ?? Number.NaN))
  view.setUint16(at + 42, known(place?.headingCdeg ?? Number.NaN))
  view.setUint8(
    at + 44,
    (row.isConnected ? isConnectedBit : 0) |
      (place === undefined ? 0 : hasPlaceBit) |
      (duties.indexOf(row.duty) << dutyShift)
  )
}

/** The bytes of a batch. Speed (cm/s) and heading (hundredths of a degree) are whole numbers below 65,535, or unknown. */
export const encodePeerBatch = (batch: PeerBatch): Uint8Array => {
  const bytes = new Uint8Array(headBytes + batch.rows.length * rowBytes)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, version)
  view.setUint8(
    1,
    (batch.hasDrivers ? hasDriversBit : 0) | (batch.isNew ? isNewBit : 0) | (batch.isLeaving ? isLeavingBit : 0)
  )
  putUuid(bytes, 2, batch.nodeId)
  view.setUint32(18, batch.rows.length)
  let at = headBytes
  for (const row of batch.rows) {
    putRow(view, bytes, at, row)
    at += rowBytes
  }
  return bytes
}

const rowAt = (view: DataView, bytes: Uint8Array, at: number): PeerRow => {
  const state = view.getUint8(at + 44)
  return {
    driverId: uuidText(bytes, at),
    isConnected: (state & isConnectedBit) !== 0,
    duty: duties[(state >> dutyShift) & 3],
    heardAt: view.getFloat64(at + 24),
    place:
      (state & hasPlaceBit) === 0
        ? undefined
        : {
            recordedAt: view.getFloat64(at + 16),
            latE7: view.getInt32(at + 32),
            lngE7: view.getInt32(at + 36),
            speedCms: told(view.getUint16(at + 40)),
            headingCdeg: told(view.getUint16(at + 42))
          }
  }
}

/** Reads a batch; whatever else the bytes are is answered with why they are none. */
export const decodePeerBatch = (bytes: Uint8Array): PeerBatch | NotABatch => {
  if (bytes.length < headBytes) return new NotABatch(`${bytes.length} bytes are no head`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint8(0) !== version) return new NotABatch(`version ${view.getUint8(0)}`)
  const count = view.getUint32(18)
  if (bytes.length !== headBytes + count * rowBytes) return new NotABatch(`${bytes.length} bytes are not ${count} rows`)
  const flags = view.getUint8(1)
  return {
    nodeId: uuidText(bytes, 2),
    hasDrivers: (flags & hasDriversBit) !== 0,
    isNew: (flags & isNewBit) !== 0,
    isLeaving: (flags & isLeavingBit) !== 0,
    rows: Array.from({ length: count }, (_, i) => rowAt(view, bytes, headBytes + i * rowBytes))
  }
}
