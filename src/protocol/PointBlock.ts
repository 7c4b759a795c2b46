import { fieldRange, type QuarantineCode } from "../domain/TelemetryRules.ts"

/** Faults that the wire alone can show, in the order of their number in `PointBlock.fault`; 0 is a sound point. */
export const fieldFaults = ["not_finite", "wrong_type", "out_of_range"] as const satisfies ReadonlyArray<QuarantineCode>
export type FieldFault = (typeof fieldFaults)[number]

export const NOT_FINITE = 1
export const WRONG_TYPE = 2
export const OUT_OF_RANGE = 3

/**
 * The points of one POINT or BATCH frame, column by column. Both readers fill the same block and one block serves a whole
 * node: a frame is read, judged and encoded for the database before the next one arrives, so nothing is allocated for a point.
 * Optional fields are NaN when unknown. A point whose `fault` is not 0 has no meaning in the other columns.
 */
export class PointBlock {
  count = 0
  firstSeq = 0
  /** 0..100, NaN when unknown. One value for the frame. */
  battery = Number.NaN
  /** Index of `source`: 0 gps, 1 fused, 2 network, 3 manual, 4 mock. */
  source = 0
  /** Whether any point has a fault. */
  faulty = false
  /** The frame as decoded values; only set when a point is faulty, to keep what the phone sent. */
  raw: ReadonlyArray<unknown> | undefined
  readonly recordedAt: Float64Array
  readonly latE7: Float64Array
  readonly lngE7: Float64Array
  readonly speedCms: Float64Array
  readonly headingCdeg: Float64Array
  readonly accuracyCm: Float64Array
  readonly fault: Uint8Array

  constructor(pointsMax: number) {
    this.recordedAt = new Float64Array(pointsMax)
    this.latE7 = new Float64Array(pointsMax)
    this.lngE7 = new Float64Array(pointsMax)
    this.speedCms = new Float64Array(pointsMax)
    this.headingCdeg = new Float64Array(pointsMax)
    this.accuracyCm = new Float64Array(pointsMax)
    this.fault = new Uint8Array(pointsMax)
  }

  get capacity(): number {
    return this.fault.length
  }
}

type Range = { readonly min: number; readonly max: number }

/** The fault of a number that must be there: 0, or its number in `fieldFaults`. */
export const requiredFault = (value: unknown, range: Range): number => {
  if (typeof value !== "number") return WRONG_TYPE
  if (!Number.isFinite(value)) return NOT_FINITE
  if (!Number.isInteger(value)) return WRONG_TYPE
  return value < range.min || value > range.max ? OUT_OF_RANGE : 0
}

/** The same for a field that may be nil. */
export const optionalFault = (value: unknown, range: Range): number =>
  value === null || value === undefined ? 0 : requiredFault(value, range)

export const ranges = fieldRange
