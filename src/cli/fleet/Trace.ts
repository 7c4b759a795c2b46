import { createReadStream } from "node:fs"
import type { Fix } from "../../client/Fix.ts"
import { bearingCdeg, distanceM } from "../../domain/Geo.ts"
import { CsvBroken, csvRows } from "./CsvRows.ts"
import { gpxFixes } from "./GpxFixes.ts"
import { type TraceFix, TraceUnreadable, traceTime } from "./TraceFix.ts"

/** Everything one vehicle recorded, oldest first. */
export interface Track {
  readonly vehicleId: string
  readonly fixes: ReadonlyArray<Fix>
}

/**
 * Reads a trace (GPX when the name ends so, else CSV): the first `vehiclesMax` vehicles in order of appearance, their fixes by
 * time. Speed and heading that the file does not give are derived from one fix to the next.
 */
export const readTrace = async (path: string, vehiclesMax: number): Promise<ReadonlyArray<Track>> => {
  const tracks = new Map<string, Array<Fix>>()
  for await (const { vehicleId, fix } of traceFixes(path)) {
    const known = tracks.get(vehicleId)
    if (known !== undefined) known.push(fix)
    else if (tracks.size < vehiclesMax) tracks.set(vehicleId, [fix])
  }
  if (tracks.size === 0) throw new TraceUnreadable(path, 0, "there is no position in this file")
  return [...tracks].map(([vehicleId, fixes]) => ({
    vehicleId,
    fixes: withMotion(fixes.sort((a, b) => a.recordedAt - b.recordedAt))
  }))
}

const traceFixes = (path: string): AsyncIterable<TraceFix> => {
  const pieces = filePieces(path)
  return path.toLowerCase().endsWith(".gpx") ? gpxFixes(path, pieces) : csvFixes(path, pieces)
}

async function* filePieces(path: string): AsyncGenerator<string> {
  try {
    for await (const piece of createReadStream(path, "utf8")) yield String(piece)
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause)
    throw new TraceUnreadable(path, 0, code === "ENOENT" ? "there is no such file" : `cannot be read (${code})`)
  }
}

const required = ["vehicle_id", "time", "lat", "lng"] as const
const optional = ["speed_mps", "heading_deg", "accuracy_m"] as const
type Column = (typeof required)[number] | (typeof optional)[number]

/** Reads `vehicle_id,time,lat,lng[,speed_mps][,heading_deg][,accuracy_m]` in any column order; other columns are ignored. */
export async function* csvFixes(path: string, pieces: AsyncIterable<string>): AsyncGenerator<TraceFix> {
  let columns: ReadonlyMap<Column, number> | undefined
  try {
    for await (const { line, fields } of csvRows(pieces)) {
      if (columns === undefined) columns = headerColumns(path, line, fields)
      else yield csvFix(path, line, fields, columns)
    }
  } catch (cause) {
    throw cause instanceof CsvBroken ? new TraceUnreadable(path, cause.line, cause.message) : cause
  }
}

const headerColumns = (path: string, line: number, fields: ReadonlyArray<string>): ReadonlyMap<Column, number> => {
  const names = fields.map((name) => name.trim().toLowerCase())
  const columns = new Map<Column, number>()
  for (const name of [...required, ...optional]) {
    const index = names.indexOf(name)
    if (index >= 0) columns.set(name, index)
  }
  const missing = required.filter((name) => !columns.has(name))
  if (missing.length > 0) throw new TraceUnreadable(path, line, `the header lacks the column ${missing.join(", ")}`)
  return columns
}

const csvFix = (
  path: string,
  line: number,
  fields: ReadonlyArray<string>,
  columns: ReadonlyMap<Column, number>
): TraceFix => {
  const text = (name: Column): string => fields[columns.get(name) ?? -1]?.trim() ?? ""
  const number = (name: Column, min: number, max: number): number => {
    const value = text(name) === "" ? Number.NaN : Number(text(name))
    if (value >= min && value <= max) return value
    throw new TraceUnreadable(path, line, `${name} must be a number from ${min} to ${max}, not "${text(name)}"`)
  }
  const unlessEmpty = (name: Column, min: number, max: number): number | undefined =>
    text(name) === "" ? undefined : number(name, min, max)
  const vehicleId = text("vehicle_id")
  if (vehicleId === "") throw new TraceUnreadable(path, line, "vehicle_id is empty")
  return {
    vehicleId,
    fix: {
      recordedAt: traceTime(path, line, text("time")),
      lat: number("lat", -90, 90),
      lng: number("lng", -180, 180),
      speedMps: unlessEmpty("speed_mps", 0, 1_000),
      headingDeg: unlessEmpty("heading_deg", 0, 360),
      accuracyM: unlessEmpty("accuracy_m", 0, 1_000_000)
    }
  }
}

/** Below this a derived speed is standing still: the heading between two such fixes is noise. */
const movingMps = 0.5

/** Fills in speed and heading where the device did not report them, from the fix before. */
const withMotion = (fixes: ReadonlyArray<Fix>): ReadonlyArray<Fix> =>
  fixes.map((fix, index) => {
    const before = fixes[index - 1]
    const spanMs = before === undefined ? 0 : fix.recordedAt - before.recordedAt
    if (before === undefined || spanMs === 0 || (fix.speedMps !== undefined && fix.headingDeg !== undefined)) return fix
    const [fromLat, fromLng, toLat, toLng] = [before.lat * 1e7, before.lng * 1e7, fix.lat * 1e7, fix.lng * 1e7]
    const speedMps = fix.speedMps ?? (distanceM(fromLat, fromLng, toLat, toLng) * 1_000) / spanMs
    const derivedDeg = speedMps < movingMps ? undefined : bearingCdeg(fromLat, fromLng, toLat, toLng) / 100
    return { ...fix, speedMps, headingDeg: fix.headingDeg ?? derivedDeg }
  })
