import { fieldRange } from "../domain/TelemetryRules.ts"

/** `source` of a point on the wire. */
export const fixSource = { gps: 0, fused: 1, network: 2, manual: 3, mock: 4 } as const
export type FixSource = keyof typeof fixSource

/** A position as a phone's location service reports it. Unknown is undefined. */
export interface Fix {
  /** When the position was true, by the phone's clock. Unix milliseconds. */
  readonly recordedAt: number
  /** Degrees. */
  readonly lat: number
  readonly lng: number
  readonly speedMps?: number | undefined
  /** Degrees clockwise from true north. */
  readonly headingDeg?: number | undefined
  /** 68 % radius, metres. */
  readonly accuracyM?: number | undefined
  /** 0..100. */
  readonly battery?: number | undefined
  readonly source?: FixSource | undefined
}

/** A fix in the integers of the wire (02-protocol, section 1), not numbered yet. */
export interface WireFix {
  readonly recordedAt: number
  readonly latE7: number
  readonly lngE7: number
  readonly speedCms: number | null
  readonly headingCdeg: number | null
  readonly accuracyCm: number | null
  readonly battery: number | null
  readonly source: number
}

/**
 * A fix to wire integers. Location services say "unknown" with negative or non-finite speed, heading and radius (iOS: -1,
 * Android: 0 for the radius): those become null. What is beyond the wire's range is sent at the range's end, where the server
 * flags it.
 * @throws RangeError when the time or the coordinates are not numbers within range: such a fix says nothing.
 */
export const wireFix = (fix: Fix): WireFix => ({
  recordedAt: required("recordedAt", Math.round(fix.recordedAt), fieldRange.time),
  latE7: required("lat", Math.round(fix.lat * 1e7), fieldRange.latE7),
  lngE7: required("lng", Math.round(fix.lng * 1e7), fieldRange.lngE7),
  speedCms: optional(fix.speedMps, 100, 0, fieldRange.speedCms.max),
  headingCdeg: heading(fix.headingDeg),
  accuracyCm:
    fix.accuracyM === 0 ? null : optional(fix.accuracyM, 100, fieldRange.accuracyCm.min, fieldRange.accuracyCm.max),
  battery: optional(fix.battery, 1, 0, fieldRange.battery.max),
  source: fixSource[fix.source ?? "gps"]
})

const required = (name: string, value: number, range: { readonly min: number; readonly max: number }): number => {
  if (!(value >= range.min && value <= range.max))
    throw new RangeError(`${name} of a fix is out of range or not a number`)
  return value
}

const optional = (value: number | undefined, scale: number, min: number, max: number): number | null => {
  if (value === undefined || !Number.isFinite(value) || value < 0) return null
  return Math.min(max, Math.max(min, Math.round(value * scale)))
}

const heading = (degrees: number | undefined): number | null =>
  degrees === undefined || !Number.isFinite(degrees) || degrees < 0 ? null : Math.round(degrees * 100) % 36_000

/** The fix alone, of anything that has one. */
export const bareFix = (fix: WireFix): WireFix => ({
  recordedAt: fix.recordedAt,
  latE7: fix.latE7,
  lngE7: fix.lngE7,
  speedCms: fix.speedCms,
  headingCdeg: fix.headingCdeg,
  accuracyCm: fix.accuracyCm,
  battery: fix.battery,
  source: fix.source
})
