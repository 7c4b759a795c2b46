import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { geoJsonLine } from "../../src/domain/GeoJsonLine.ts"
import { simplify } from "../../src/domain/Simplify.ts"

const places = (...pairs: ReadonlyArray<readonly [number, number]>) => pairs.map(([lat, lng]) => ({ lat, lng }))

describe("simplify", () => {
  it("leaves out what lies on the line and keeps a corner", () => {
    const trail = places([0, 0], [0, 0.001], [0, 0.002], [0.001, 0.002], [0.002, 0.002])
    expect(simplify(trail, 5)).toEqual(places([0, 0], [0, 0.002], [0.002, 0.002]))
  })

  it("goes straight over the antimeridian", () => {
    const trail = places([0, 179.999], [0, -179.9995], [0, -179.999])
    expect(simplify(trail, 5)).toHaveLength(2)
  })

  it("keeps the ends, keeps the order, and is as it was with no tolerance", () => {
    const place = fc.record({
      lat: fc.double({ min: 50, max: 50.1, noNaN: true }),
      lng: fc.double({ min: 4, max: 4.1, noNaN: true })
    })
    fc.assert(
      fc.property(
        fc.array(place, { maxLength: 60 }),
        fc.double({ min: 0, max: 5_000, noNaN: true }),
        (trail, toleranceM) => {
          const kept = simplify(trail, toleranceM)
          const positions = kept.map((each) => trail.indexOf(each))
          expect(positions).toEqual([...positions].sort((a, b) => a - b))
          expect(kept[0]).toBe(trail[0])
          expect(kept.at(-1)).toBe(trail.at(-1))
          expect(simplify(trail, 0)).toEqual(trail)
        }
      )
    )
  })

  it("leaves out no point that is farther from what is left than the tolerance", () => {
    const step = fc.record({
      north: fc.double({ min: -1, max: 1, noNaN: true }),
      east: fc.double({ min: -1, max: 1, noNaN: true })
    })
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 3, maxLength: 40 }),
        fc.integer({ min: 1, max: 200 }),
        (steps, toleranceM) => {
          let at = { lat: 50, lng: 4 }
          const trail = steps.map(({ north, east }) => {
            at = { lat: at.lat + north / 1_000, lng: at.lng + east / 1_000 }
            return at
          })
          const kept = simplify(trail, toleranceM)
          for (const place of trail) expect(offsetM(place, kept)).toBeLessThanOrEqual(toleranceM * 1.01 + 0.1)
        }
      )
    )
  })

  it("stops measuring a trail that folds back on itself, and keeps what it has not measured", () => {
    const trail = Array.from({ length: 5_000 }, (_, i) => ({
      lat: 50 + (i % 2) * (0.01 + i * 1e-6),
      lng: 4 + i * 1e-6
    }))
    const kept = simplify(trail, 1)
    expect(kept.length).toBeGreaterThan(4_900)
    expect(kept.at(-1)).toBe(trail.at(-1))
  })
})

/** Metres from a place to the nearest of the stretches between kept points, on a flat map: good for a few kilometres. */
const offsetM = (place: { lat: number; lng: number }, kept: ReadonlyArray<{ lat: number; lng: number }>): number => {
  const flat = (each: { lat: number; lng: number }) =>
    [each.lng * Math.cos((50 * Math.PI) / 180) * 111_195, each.lat * 111_195] as const
  const [x, y] = flat(place)
  const toStretch = (index: number): number => {
    const [ax, ay] = flat(kept[index] ?? place)
    const [bx, by] = flat(kept[index + 1] ?? kept[index] ?? place)
    const length = (bx - ax) ** 2 + (by - ay) ** 2
    const along = length === 0 ? 0 : Math.max(0, Math.min(1, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length))
    return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay))
  }
  return Math.min(...kept.map((_, index) => toStretch(index)))
}

describe("geoJsonLine", () => {
  it("writes longitude before latitude", () => {
    expect(geoJsonLine(places([50, 4], [51, 5]))).toEqual({
      type: "LineString",
      coordinates: [
        [4, 50],
        [5, 51]
      ]
    })
  })

  it("gives no coordinates for no point, and a line of two positions for one", () => {
    expect(geoJsonLine([])).toEqual({ type: "LineString", coordinates: [] })
    expect(geoJsonLine(places([50, 4]))).toEqual({
      type: "LineString",
      coordinates: [
        [4, 50],
        [4, 50]
      ]
    })
  })

  it("cuts at the antimeridian in both directions", () => {
    expect(geoJsonLine(places([0, 179], [2, -179], [4, 179]))).toEqual({
      type: "MultiLineString",
      coordinates: [
        [
          [179, 0],
          [180, 1]
        ],
        [
          [-180, 1],
          [-179, 2],
          [-180, 3]
        ],
        [
          [180, 3],
          [179, 4]
        ]
      ]
    })
  })
})
