import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { inject } from "vitest"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** A recorded fleet: a CSV file and what is in it. */
export interface TraceFile {
  readonly path: string
  readonly isRecorded: boolean
  readonly rows: number
  /** The last place of each vehicle, in E7. */
  readonly lastPlaces: ReadonlyMap<string, { readonly latE7: number; readonly lngE7: number }>
}

const couriers = 805
const fixesEach = 72

/** A trace of the recorded one's shape: 805 couriers, a fix each 5 s for 6 minutes. */
const generate = (seed: number): string => {
  const random = new SeededRandom(seed)
  const lines = ["vehicle_id,time,lat,lng,activity"]
  const places = Array.from({ length: couriers }, () => ({
    lat: random.between(37.7, 37.8),
    lng: random.between(-122.5, -122.4)
  }))
  for (let fix = 0; fix < fixesEach; fix++) {
    const time = new Date(Date.UTC(2022, 0, 12, 17) + fix * 5_000).toISOString()
    for (const [index, place] of places.entries()) {
      place.lat += random.between(-4e-4, 4e-4)
      place.lng += random.between(-4e-4, 4e-4)
      lines.push(`GEN${String(index).padStart(4, "0")},${time},${place.lat.toFixed(6)},${place.lng.toFixed(6)},Driving`)
    }
  }
  return `${lines.join("\n")}\n`
}

/** The recorded trace where it is at hand, else a generated one; says which. Read here without the product's own reader. */
export const traceFile = (seed: number): TraceFile => {
  const recorded = join(root, "..", "shared", "data", "amazon-couriers-6min.csv")
  const isRecorded = existsSync(recorded)
  const path = isRecorded ? recorded : join(inject("testHome"), "trace.csv")
  if (!isRecorded) writeFileSync(path, generate(seed))
  const lines = readFileSync(path, "utf8").trim().split("\n").slice(1)
  const last = new Map<string, { time: string; latE7: number; lngE7: number }>()
  for (const line of lines) {
    const [vehicle = "", time = "", lat, lng] = line.split(",")
    if ((last.get(vehicle)?.time ?? "") > time) continue
    last.set(vehicle, { time, latE7: Math.round(Number(lat) * 1e7), lngE7: Math.round(Number(lng) * 1e7) })
  }
  return {
    path,
    isRecorded,
    rows: lines.length,
    lastPlaces: new Map([...last].map(([vehicle, { latE7, lngE7 }]) => [vehicle, { latE7, lngE7 }]))
  }
}
