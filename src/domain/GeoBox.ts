import { earthRadiusM } from "./Geo.ts"

const toRadians = Math.PI / 180

/** Degrees. `west` is greater than `east` when the box spans the antimeridian. */
export interface GeoBox {
  readonly south: number
  readonly north: number
  readonly west: number
  readonly east: number
}

const wrapLng = (lng: number): number => (lng > 180 ? lng - 360 : lng < -180 ? lng + 360 : lng)

/**
 * The smallest box of latitudes and longitudes that holds every point within `radiusM` of a place in degrees. A circle that
 * holds a pole holds all longitudes. (Bronshtein et al., spherical triangle: the meridians touch the circle at
 * asin(sin r / cos lat), which is wider than r / cos lat.)
 */
export const boxAround = (lat: number, lng: number, radiusM: number): GeoBox => {
  const radius = radiusM / earthRadiusM
  const reach = radius / toRadians
  const south = lat - reach
  const north = lat + reach
  if (north >= 90 || south <= -90) {
    return { south: Math.max(south, -90), north: Math.min(north, 90), west: -180, east: 180 }
  }
  const width = Math.asin(Math.min(1, Math.sin(radius) / Math.cos(lat * toRadians))) / toRadians
  if (width >= 180) return { south, north, west: -180, east: 180 }
  return { south, north, west: wrapLng(lng - width), east: wrapLng(lng + width) }
}
