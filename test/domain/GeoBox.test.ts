import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { distanceM, earthRadiusM } from "../../src/domain/Geo.ts"
import { boxAround, type GeoBox } from "../../src/domain/GeoBox.ts"

const holds = (box: GeoBox, lat: number, lng: number): boolean =>
  lat >= box.south &&
  lat <= box.north &&
  (box.west <= box.east ? lng >= box.west && lng <= box.east : lng >= box.west || lng <= box.east)

/**
 * Where one arrives from a place on a bearing (radians) after a distance. By vectors: the textbook's asin loses six centimetres
 * at a pole.
 */
const destination = (lat: number, lng: number, bearing: number, distance: number): readonly [number, number] => {
  const rad = Math.PI / 180
  const [sinLat, cosLat, sinLng, cosLng] = [
    Math.sin(lat * rad),
    Math.cos(lat * rad),
    Math.sin(lng * rad),
    Math.cos(lng * rad)
  ]
  const up = [cosLat * cosLng, cosLat * sinLng, sinLat]
  const north = [-sinLat * cosLng, -sinLat * sinLng, cosLat]
  const east = [-sinLng, cosLng, 0]
  const turn = distance / earthRadiusM
  const [x = 0, y = 0, z = 0] = up.map(
    (each, i) =>
      each * Math.cos(turn) +
      ((north[i] ?? 0) * Math.cos(bearing) + (east[i] ?? 0) * Math.sin(bearing)) * Math.sin(turn)
  )
  return [Math.atan2(z, Math.hypot(x, y)) / rad, Math.atan2(y, x) / rad]
}

describe("a box around a circle", () => {
  it("holds every point of the circle, over the antimeridian and around the poles", () => {
    const place = fc.record({
      lat: fc.double({ min: -90, max: 90, noNaN: true }),
      lng: fc.double({ min: -180, max: 180, noNaN: true })
    })
    fc.assert(
      fc.property(
        place,
        fc.double({ min: 1, max: 100_000, noNaN: true }),
        fc.double({ min: 0, max: 2 * Math.PI, noNaN: true }),
        ({ lat, lng }, radiusM, bearing) => {
          const [toLat, toLng] = destination(lat, lng, bearing, radiusM * 0.999)
          return holds(boxAround(lat, lng, radiusM), toLat, toLng)
        }
      ),
      { numRuns: 2_000 }
    )
  })

  it("is no wider than it must be away from the poles", () => {
    const box = boxAround(50, 4, 10_000)
    expect(distanceM(50e7, 4e7, 50e7, box.east * 1e7)).toBeLessThan(10_010)
    expect(distanceM(50e7, 4e7, box.north * 1e7, 4e7)).toBeCloseTo(10_000, 0)
  })

  it("spans all longitudes when it holds a pole", () => {
    expect(boxAround(89.99, 10, 5_000)).toMatchObject({ west: -180, east: 180, north: 90 })
  })
})
