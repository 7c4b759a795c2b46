import type { Place } from "./Simplify.ts"

/** A GeoJSON position: longitude, latitude, in degrees. */
export type Position = readonly [lng: number, lat: number]

/** The geometry of a trail. */
export type GeoJsonLine =
  | { readonly type: "LineString"; readonly coordinates: ReadonlyArray<Position> }
  | { readonly type: "MultiLineString"; readonly coordinates: ReadonlyArray<ReadonlyArray<Position>> }

const crossing = (from: Place, to: Place): { readonly lat: number; readonly side: 180 | -180 } | undefined => {
  const step = to.lng - from.lng
  if (Math.abs(step) <= 180) return undefined
  const side = from.lng > 0 ? 180 : -180
  const whole = 360 - Math.abs(step)
  const share = whole === 0 ? 0 : Math.abs(side - from.lng) / whole
  return { lat: from.lat + (to.lat - from.lat) * share, side }
}

/**
 * A trail as GeoJSON (RFC 7946): a LineString, cut into a MultiLineString where it crosses the antimeridian (section 3.1.9). A
 * line needs two positions, so a single point is there twice; no point gives no coordinates.
 */
export const geoJsonLine = (trail: ReadonlyArray<Place>): GeoJsonLine => {
  const lines: Array<Array<Position>> = []
  let line: Array<Position> = []
  for (const [index, place] of trail.entries()) {
    const before = trail[index - 1]
    const cut = before === undefined ? undefined : crossing(before, place)
    if (cut !== undefined) {
      line.push([cut.side, cut.lat])
      lines.push(line)
      line = [[-cut.side, cut.lat]]
    }
    line.push([place.lng, place.lat])
  }
  const only = line[0]
  if (trail.length === 1 && only !== undefined) line.push(only)
  if (lines.length === 0) return { type: "LineString", coordinates: line }
  return { type: "MultiLineString", coordinates: [...lines, line] }
}
