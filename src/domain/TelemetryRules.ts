import { distanceM } from "./Geo.ts"

/** What a flag says about a stored point. Bits of `driver_location_events.flags`. */
export const Flag = {
  /** The phone reported more than 70 m/s. Stored as 70 with the raw value beside it. */
  implausibleSpeed: 1,
  /** Moved faster than 70 m/s since the device's previous point. */
  jump: 2,
  /** 68 % radius of 200 m or more. Stored as unknown with the raw value beside it. */
  poorAccuracy: 4,
  /** Received more than `lateAfterMs` after it was recorded. */
  late: 8
} as const

/** Names of flag bits on the API, in bit order. */
export const flagNames: ReadonlyArray<readonly [bit: number, name: string]> = [
  [Flag.implausibleSpeed, "implausible_speed"],
  [Flag.jump, "jump"],
  [Flag.poorAccuracy, "poor_accuracy"],
  [Flag.late, "late"]
]

/** Why a point is settled without being stored: the code of FLAGGED, of `telemetry_quarantine` and of the metric. */
export type QuarantineCode =
  | "not_finite"
  | "out_of_range"
  | "wrong_type"
  | "clock_future"
  | "clock_past"
  | "off_duty"
  | "refused_by_database"

/** What happens to a point under a condition. */
export type Outcome =
  | { readonly store: true; readonly flag: number; readonly movesMarker: boolean }
  | { readonly store: false; readonly code: QuarantineCode }

/**
 * The specification of telemetry: every condition a point can meet, in the order they are judged, and what follows.
 * The judge below, the codec's field checks and the tests are all written against this table.
 * Of several quarantine conditions the first names the code; of several flags all are set and the marker moves only if
 * none of them forbids it.
 */
export const telemetryRules = {
  not_finite: { store: false, code: "not_finite" },
  wrong_type: { store: false, code: "wrong_type" },
  out_of_range: { store: false, code: "out_of_range" },
  clock_future: { store: false, code: "clock_future" },
  clock_past: { store: false, code: "clock_past" },
  off_duty: { store: false, code: "off_duty" },
  implausible_speed: { store: true, flag: Flag.implausibleSpeed, movesMarker: true },
  jump: { store: true, flag: Flag.jump, movesMarker: false },
  poor_accuracy: { store: true, flag: Flag.poorAccuracy, movesMarker: false },
  late: { store: true, flag: Flag.late, movesMarker: true },
  refused_by_database: { store: false, code: "refused_by_database" }
} as const satisfies Record<string, Outcome>

/** Flags that keep a point from the marker, derived from the table. */
export const flagsThatHoldTheMarker: number = Object.values(telemetryRules).reduce(
  (bits, rule) => (rule.store && !rule.movesMarker ? bits | rule.flag : bits),
  0
)

/** Ranges of the wire's integers, inclusive (02-protocol, section 1). */
export const fieldRange = {
  latE7: { min: -900_000_000, max: 900_000_000 },
  lngE7: { min: -1_800_000_000, max: 1_800_000_000 },
  speedCms: { min: 0, max: 100_000 },
  headingCdeg: { min: 0, max: 35_999 },
  accuracyCm: { min: 1, max: 2_147_483_647 },
  battery: { min: 0, max: 100 },
  source: { min: 0, max: 4 },
  time: { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }
} as const

/** Above this a speed is clamped and flagged, and a move is a jump. */
export const plausibleSpeedCms = 7_000
/** From this on a radius says nothing and is stored as unknown. The table's CHECK has the same bound. */
export const poorAccuracyCm = 20_000
/**
 * Two fixes may share a millisecond or be stamped in whole seconds, so a move is judged over at least this long.
 * Without it every second fix of such a phone would be a jump.
 */
export const jumpSpanMsMin = 1_000

/** Clock tolerances, from `Limits`. Milliseconds. */
export interface TelemetryTolerance {
  readonly clockFutureMs: number
  readonly clockPastMs: number
  readonly lateAfterMs: number
}

/** A duty change by the phone's event time. */
export interface DutyChange {
  readonly occurredAt: number
  readonly duty: "on" | "off" | "break"
}

/** Where the device was last; what a jump is measured from. */
export interface PreviousPoint {
  readonly recordedAt: number
  readonly latE7: number
  readonly lngE7: number
}

/**
 * Whether `recordedAt` lies after an "off" and before the next "on" (02-protocol, section 2: a "break" in between ends nothing).
 * `log` is ordered by `occurredAt`. A driver that never set a duty is never off.
 */
export const isOffDutyAt = (log: ReadonlyArray<DutyChange>, recordedAt: number): boolean => {
  for (let i = log.length - 1; i >= 0; i--) {
    const { occurredAt, duty } = log[i] as DutyChange
    if (duty === "break") continue
    if (occurredAt < recordedAt) return duty === "off"
    if (occurredAt === recordedAt && duty === "on") return false
  }
  return false
}

/** Judges the phone's clock against the server's. Undefined when the time is believable. */
export const clockFault = (
  recordedAt: number,
  now: number,
  tolerance: TelemetryTolerance
): "clock_future" | "clock_past" | undefined => {
  if (recordedAt > now + tolerance.clockFutureMs) return "clock_future"
  if (recordedAt < now - tolerance.clockPastMs) return "clock_past"
  return undefined
}

/**
 * Flags of a point whose fields are sound. Integers of the wire; `speedCms` and `accuracyCm` are NaN when unknown (the hot
 * path keeps optional fields in a Float64Array).
 */
export const flagsOf = (
  recordedAt: number,
  latE7: number,
  lngE7: number,
  speedCms: number,
  accuracyCm: number,
  now: number,
  previous: PreviousPoint | undefined,
  lateAfterMs: number
): number => {
  let flags = 0
  if (speedCms > plausibleSpeedCms) flags |= Flag.implausibleSpeed
  if (accuracyCm >= poorAccuracyCm) flags |= Flag.poorAccuracy
  if (now - recordedAt > lateAfterMs) flags |= Flag.late
  if (previous !== undefined && isJump(previous, recordedAt, latE7, lngE7)) flags |= Flag.jump
  return flags
}

/** 0.0001 degrees of latitude, 11 m: below it no move within `jumpSpanMsMin` can exceed 70 m/s anywhere on earth. */
const nearE7 = 1_000

const isJump = (previous: PreviousPoint, recordedAt: number, latE7: number, lngE7: number): boolean => {
  const dLat = latE7 - previous.latE7
  const dLng = lngE7 - previous.lngE7
  // The trigonometry costs more than all other rules together, and nearly every fix is this close to the one before.
  if (dLat < nearE7 && dLat > -nearE7 && dLng < nearE7 && dLng > -nearE7) return false
  const spanMs = Math.max(Math.abs(recordedAt - previous.recordedAt), jumpSpanMsMin)
  return distanceM(previous.latE7, previous.lngE7, latE7, lngE7) * 100_000 > plausibleSpeedCms * spanMs
}
