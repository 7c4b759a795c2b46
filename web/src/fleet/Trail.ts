import type { FeatureCollection, LineString, Position } from "geojson"
import type { FleetDriver } from "../../../src/client/FleetRoster.ts"
import type { TrailPoint } from "../../../src/client/RestClient.ts"
import type { Session } from "./Session.ts"

const trailMs = 3_600_000
const pagePoints = 5_000
/** An hour at one point a second, and room for two phones. */
const pagesMax = 3
/** Between points further apart than this in time nobody knows the way, so no line is drawn. */
const gapMs = 180_000

interface TrailPlace {
  readonly recordedAt: number
  readonly position: Position
  readonly speedMps: number | undefined
}

const placeOf = (point: TrailPoint): TrailPlace => ({
  recordedAt: Date.parse(point.recorded_at),
  position: [point.lng, point.lat],
  speedMps: point.speed_mps ?? undefined
})

/** Flags of points that are not where the driver was. */
const isTrusted = ({ flags }: TrailPoint): boolean => !flags.includes("jump") && !flags.includes("poor_accuracy")

/** Where one driver went in the last hour: what the server kept, and what has come since. */
export class Trail {
  readonly driverId: string
  private places: Array<TrailPlace>

  private constructor(driverId: string, places: Array<TrailPlace>) {
    this.driverId = driverId
    this.places = places
  }

  /** @throws Problem | ServerUnreachable | SignedOut */
  static async load(session: Session, driverId: string, serverNowMs: number): Promise<Trail> {
    const from = new Date(serverNowMs - trailMs).toISOString()
    const places: Array<TrailPlace> = []
    let cursor: string | undefined
    for (let page = 0; page < pagesMax; page++) {
      const { data, next_cursor } = await session.rest.driverTrail(driverId, { from, limit: pagePoints, cursor })
      places.push(...data.filter(isTrusted).map(placeOf))
      if (next_cursor === null) break
      cursor = next_cursor
    }
    return new Trail(driverId, places)
  }

  /** Adds the driver's newest position and lets go of what is older than an hour. */
  append(driver: FleetDriver): void {
    if (driver.recordedAt <= (this.places.at(-1)?.recordedAt ?? 0)) return
    this.places.push({
      recordedAt: driver.recordedAt,
      position: [driver.lng, driver.lat],
      speedMps: undefined
    })
    const since = driver.recordedAt - trailMs
    if ((this.places[0]?.recordedAt ?? since) < since) this.places = this.places.filter((p) => p.recordedAt >= since)
  }

  /** Metres a second over the last positions; undefined when they say nothing. */
  get speedMps(): number | undefined {
    const last = this.places.at(-1)
    if (last === undefined) return undefined
    if (last.speedMps !== undefined) return last.speedMps
    const before = this.places.at(-2)
    if (before === undefined || last.recordedAt - before.recordedAt > gapMs) return undefined
    return metresBetween(before.position, last.position) / ((last.recordedAt - before.recordedAt) / 1_000)
  }

  /** Lines for a map; `until` (degrees) is where the driver is drawn now. */
  lines(until: Position | undefined): FeatureCollection<LineString> {
    const lines: Array<Array<Position>> = []
    let previous = Number.NEGATIVE_INFINITY
    for (const { recordedAt, position } of this.places) {
      if (recordedAt - previous > gapMs) lines.push([])
      lines.at(-1)?.push(position)
      previous = recordedAt
    }
    // The last stretch ends where the marker is, which is still on its way to the newest position.
    if (until !== undefined && (lines.at(-1)?.length ?? 0) > 1) lines.at(-1)?.splice(-1, 1, until)
    const features = lines
      .filter((coordinates) => coordinates.length > 1)
      .map((coordinates) => ({
        type: "Feature" as const,
        properties: {},
        geometry: { type: "LineString" as const, coordinates }
      }))
    return { type: "FeatureCollection", features }
  }
}

const metresPerDegree = 111_195

/** Flat-earth distance: good for the metres between two fixes. */
const metresBetween = (a: Position, b: Position): number => {
  const squeeze = Math.cos((((a[1] ?? 0) + (b[1] ?? 0)) * Math.PI) / 360)
  return Math.hypot(((b[0] ?? 0) - (a[0] ?? 0)) * squeeze, (b[1] ?? 0) - (a[1] ?? 0)) * metresPerDegree
}
