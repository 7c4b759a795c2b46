import { fieldRange } from "../domain/TelemetryRules.ts"
import { DriverClientFrame } from "./FrameType.ts"
import { OUT_OF_RANGE, optionalFault, type PointBlock, requiredFault } from "./PointBlock.ts"

/** A POINT or BATCH that cannot be read at all. Everything softer than this is a fault of single points. */
export class MalformedPoints {
  readonly detail: string
  constructor(detail: string) {
    this.detail = detail
  }
}

type Frame = ReadonlyArray<unknown>

/** Reads a decoded POINT or BATCH into the block by every rule of 02-protocol, sections 1 and 2. */
export const readPointFrame = (frame: Frame, block: PointBlock): MalformedPoints | undefined => {
  block.faulty = false
  block.raw = undefined
  const malformed = frame[0] === DriverClientFrame.point ? readPoint(frame, block) : readBatch(frame, block)
  if (malformed === undefined && block.faulty) block.raw = frame
  return malformed
}

const isSeq = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 1

const orUnknown = (value: unknown): number => (typeof value === "number" ? value : Number.NaN)

const readPoint = (frame: Frame, block: PointBlock): MalformedPoints | undefined => {
  const [, seq, recordedAt, lat, lng, speed, heading, accuracy, battery, source] = frame
  if (!isSeq(seq)) return new MalformedPoints("seq must be an integer from 1 to 2^53 - 1")
  const fault =
    requiredFault(recordedAt, fieldRange.time) ||
    requiredFault(lat, fieldRange.latE7) ||
    requiredFault(lng, fieldRange.lngE7) ||
    optionalFault(speed, fieldRange.speedCms) ||
    optionalFault(heading, fieldRange.headingCdeg) ||
    optionalFault(accuracy, fieldRange.accuracyCm) ||
    sharedFault(battery, source)
  block.count = 1
  block.firstSeq = seq
  block.fault[0] = fault
  if (fault !== 0) block.faulty = true
  block.recordedAt[0] = orUnknown(recordedAt)
  block.latE7[0] = orUnknown(lat)
  block.lngE7[0] = orUnknown(lng)
  block.speedCms[0] = orUnknown(speed)
  block.headingCdeg[0] = orUnknown(heading)
  block.accuracyCm[0] = orUnknown(accuracy)
  block.battery = orUnknown(battery)
  block.source = typeof source === "number" ? source : 0
  return undefined
}

/** Faults of the fields that a batch has once. Nil means unknown, and a point of unknown source counts as gps. */
const sharedFault = (battery: unknown, source: unknown): number =>
  optionalFault(battery, fieldRange.battery) || optionalFault(source, fieldRange.source)

const readBatch = (frame: Frame, block: PointBlock): MalformedPoints | undefined => {
  const [, firstSeq, t0, dt, lat, lng, speed, heading, accuracy, battery, source] = frame
  if (!isSeq(firstSeq)) return new MalformedPoints("firstSeq must be an integer from 1 to 2^53 - 1")
  if (!Array.isArray(dt) || !Array.isArray(lat) || !Array.isArray(lng))
    return new MalformedPoints("dt, lat and lng must be arrays")
  const count = dt.length
  if (count < 1 || count > block.capacity) return new MalformedPoints(`a batch holds 1 to ${block.capacity} points`)
  if (lat.length !== count || lng.length !== count)
    return new MalformedPoints("dt, lat and lng must be of equal length")
  for (const column of [speed, heading, accuracy]) {
    if (column === null || column === undefined) continue
    if (!Array.isArray(column) || column.length !== count)
      return new MalformedPoints("columns must be nil or as long as dt")
  }
  if (!Number.isSafeInteger(firstSeq + (count - 1))) return new MalformedPoints("the last seq must be at most 2^53 - 1")
  block.count = count
  block.firstSeq = firstSeq
  block.battery = orUnknown(battery)
  block.source = typeof source === "number" ? source : 0
  block.fault.fill(requiredFault(t0, fieldRange.time) || sharedFault(battery, source), 0, count)
  accumulate(
    dt,
    typeof t0 === "number" && Number.isFinite(t0) ? t0 : 0,
    fieldRange.time,
    { min: 0, max: Number.MAX_SAFE_INTEGER },
    block.recordedAt,
    block
  )
  accumulate(lat, 0, fieldRange.latE7, differenceRange, block.latE7, block)
  accumulate(lng, 0, fieldRange.lngE7, differenceRange, block.lngE7, block)
  readColumn(speed, fieldRange.speedCms, block.speedCms, block)
  readColumn(heading, fieldRange.headingCdeg, block.headingCdeg, block)
  readColumn(accuracy, fieldRange.accuracyCm, block.accuracyCm, block)
  for (let i = 0; i < count; i++) if (block.fault[i] !== 0) block.faulty = true
  return undefined
}

const differenceRange = { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }

type Range = { readonly min: number; readonly max: number }

/** Sums differences. A bad entry, or one whose sum leaves the range, marks its point and leaves the base where it was. */
const accumulate = (
  differences: ReadonlyArray<unknown>,
  start: number,
  range: Range,
  entryRange: Range,
  column: Float64Array,
  block: PointBlock
): void => {
  let base = start
  for (let i = 0; i < differences.length; i++) {
    const difference = differences[i]
    let fault = requiredFault(difference, entryRange)
    const value = base + orUnknown(difference)
    if (fault === 0 && (value < range.min || value > range.max)) fault = OUT_OF_RANGE
    if (fault === 0) {
      base = value
      column[i] = value
    } else {
      column[i] = Number.NaN
      if (block.fault[i] === 0) block.fault[i] = fault
    }
  }
}

const readColumn = (values: unknown, range: Range, column: Float64Array, block: PointBlock): void => {
  if (!Array.isArray(values)) {
    column.fill(Number.NaN, 0, block.count)
    return
  }
  for (let i = 0; i < block.count; i++) {
    const value: unknown = values[i]
    const fault = optionalFault(value, range)
    column[i] = fault === 0 ? orUnknown(value) : Number.NaN
    if (fault !== 0 && block.fault[i] === 0) block.fault[i] = fault
  }
}

/** A point as an app holds it until it is acknowledged. Integers of the wire; null is unknown. */
export interface WirePoint {
  readonly seq: number
  readonly recordedAt: number
  readonly latE7: number
  readonly lngE7: number
  readonly speedCms: number | null
  readonly headingCdeg: number | null
  readonly accuracyCm: number | null
}

/** POINT for one point. */
export const pointFrame = (point: WirePoint, battery: number | null, source: number): Frame => [
  DriverClientFrame.point,
  point.seq,
  point.recordedAt,
  point.latE7,
  point.lngE7,
  point.speedCms,
  point.headingCdeg,
  point.accuracyCm,
  battery,
  source
]

/**
 * BATCH for points with consecutive seq and a clock that does not step back (a step starts a new batch: see `batchLength`).
 * All values must be good; differences are taken to the point before.
 */
export const batchFrame = (points: ReadonlyArray<WirePoint>, battery: number | null, source: number): Frame => {
  const dt: Array<number> = []
  const lat: Array<number> = []
  const lng: Array<number> = []
  let previous: WirePoint | undefined
  for (const point of points) {
    dt.push(previous === undefined ? 0 : point.recordedAt - previous.recordedAt)
    lat.push(previous === undefined ? point.latE7 : point.latE7 - previous.latE7)
    lng.push(previous === undefined ? point.lngE7 : point.lngE7 - previous.lngE7)
    previous = point
  }
  const column = (read: (point: WirePoint) => number | null): ReadonlyArray<number | null> | null =>
    points.some((point) => read(point) !== null) ? points.map(read) : null
  return [
    DriverClientFrame.batch,
    points[0]?.seq ?? 0,
    points[0]?.recordedAt ?? 0,
    dt,
    lat,
    lng,
    column((point) => point.speedCms),
    column((point) => point.headingCdeg),
    column((point) => point.accuracyCm),
    battery,
    source
  ]
}

/** How many of `points` from `from` on may share one BATCH: up to `max`, ending before the clock steps back. */
export const batchLength = (points: ReadonlyArray<WirePoint>, from: number, max: number): number => {
  let length = Math.min(1, points.length - from)
  while (length < max && from + length < points.length) {
    const last = points[from + length - 1] as WirePoint
    const next = points[from + length] as WirePoint
    if (next.recordedAt < last.recordedAt || next.seq !== last.seq + 1) break
    length++
  }
  return length
}
