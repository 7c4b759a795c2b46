import { DriverClientFrame } from "../../protocol/FrameType.ts"
import type { PointBlock } from "../../protocol/PointBlock.ts"

/** Longest text of the phone's that is kept. Characters. */
const textMax = 64

/**
 * What the phone sent, as JSON text for `telemetry_quarantine.detail`; only its time when the place may not be kept.
 * Always valid jsonb: values that JSON has no word for are named, texts are cut and cleaned of what PostgreSQL refuses.
 */
export const quarantineDetail = (block: PointBlock, i: number, isPlaceKept: boolean): string => {
  if (!isPlaceKept) return JSON.stringify({ recorded_at: plain(block.recordedAt[i]) })
  const frame = block.raw
  if (frame === undefined) {
    return JSON.stringify({ recorded_at: block.recordedAt[i], lat_e7: block.latE7[i], lng_e7: block.lngE7[i] })
  }
  const isPoint = frame[0] === DriverClientFrame.point
  const entry = (field: number): unknown => {
    const value = frame[field]
    return isPoint || !Array.isArray(value) ? value : value[i]
  }
  return JSON.stringify({
    ...(isPoint ? { recorded_at: plain(frame[2]) } : { t0: plain(frame[2]), dt: plain(entry(3)) }),
    lat: plain(entry(isPoint ? 3 : 4)),
    lng: plain(entry(isPoint ? 4 : 5)),
    speed_cms: plain(entry(isPoint ? 5 : 6)),
    heading_cdeg: plain(entry(isPoint ? 6 : 7)),
    accuracy_cm: plain(entry(isPoint ? 7 : 8)),
    battery: plain(frame[isPoint ? 8 : 9]),
    source: plain(frame[isPoint ? 9 : 10])
  })
}

const plain = (value: unknown): string | number | boolean | null => {
  if (value === null || value === undefined) return null
  if (typeof value === "boolean") return value
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value)
  if (typeof value === "string") return value.slice(0, textMax).toWellFormed().replaceAll("\0", "")
  return Array.isArray(value) ? "(array)" : "(object)"
}
