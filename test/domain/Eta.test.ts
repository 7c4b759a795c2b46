import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { defaultLimits } from "../../src/config/Limits.ts"
import {
  type DriverUnderWay,
  type Eta,
  effectiveMps,
  etaByPosition,
  etaBySchedule,
  etaModel,
  isWorthKeeping,
  isWorthTelling,
  noPace,
  paceAfter,
  roadM
} from "../../src/domain/Eta.ts"

const now = Date.UTC(2026, 4, 4, 12)
const destination = { lat: 52.52, lng: 13.405 }
const metresPerDegree = 111_195

const underWay = (metres: number, more: Partial<DriverUnderWay> = {}): DriverUnderWay => ({
  latE7: Math.round((destination.lat - metres / metresPerDegree) * 1e7),
  lngE7: Math.round(destination.lng * 1e7),
  heardAt: now,
  pace: noPace,
  vehicleType: "van",
  stopsAhead: [],
  destination,
  ...more
})

const byPosition = (metres: number, more: Partial<DriverUnderWay> = {}, at = now): Eta => {
  const eta = etaByPosition(underWay(metres, more), at, defaultLimits)
  if (eta === undefined) throw new Error("no estimate")
  return eta
}

const eta = (more: Partial<Eta> = {}): Eta => ({
  p50At: now + 600_000,
  p90At: now + 800_000,
  computedAt: now,
  source: "position",
  remainingM: 4_000,
  stopsAhead: 0,
  ...more
})

describe("an estimate by position", () => {
  const anyDriver = fc.record({
    metres: fc.integer({ min: 0, max: 60_000 }),
    ageMs: fc.integer({ min: -60_000, max: defaultLimits.etaSilentMs }),
    speeds: fc.array(fc.oneof(fc.integer({ min: -1, max: 100_000 }), fc.constant(Number.NaN)), { maxLength: 30 }),
    stops: fc.array(fc.record({ lat: fc.double({ min: 52, max: 53, noNaN: true }), lng: fc.constant(13.4) }), {
      maxLength: 5
    }),
    vehicleType: fc.constantFrom(undefined, "bicycle", "van", "foot", "__proto__")
  })

  it("is never in the past, never NaN, and its p50 never behind its p90", () => {
    fc.assert(
      fc.property(anyDriver, ({ metres, ageMs, speeds, stops, vehicleType }) => {
        const pace = speeds.reduce((each, speed, i) => paceAfter(each, speed, now - 60_000 + i * 1_000), noPace)
        const { p50At, p90At, remainingM } = byPosition(metres, {
          heardAt: now - ageMs,
          pace,
          stopsAhead: stops,
          vehicleType
        })
        expect(Number.isSafeInteger(p50At) && Number.isSafeInteger(p90At)).toBe(true)
        expect(p50At).toBeGreaterThanOrEqual(now + defaultLimits.etaFloorMs)
        expect(p90At).toBeGreaterThanOrEqual(p50At)
        // A way that leads over other customers' doors tells where they are.
        expect(remainingM === undefined).toBe(stops.length > 0)
      }),
      { verbose: 1 }
    )
  })

  it("is no sooner from farther away", () => {
    fc.assert(
      fc.property(fc.nat(60_000), fc.nat(60_000), (a, b) => {
        const [near, far] = [byPosition(Math.min(a, b)), byPosition(Math.max(a, b))]
        expect(far.p50At).toBeGreaterThanOrEqual(near.p50At)
        expect(far.p90At).toBeGreaterThanOrEqual(near.p90At)
        expect(far.remainingM).toBeGreaterThanOrEqual(near.remainingM ?? Number.NaN)
      }),
      { verbose: 1 }
    )
  })

  it("has a range that narrows on the way, and widens by the time for which nothing was heard", () => {
    const range = ({ p50At, p90At }: Eta): number => p90At - p50At
    const ranges = [12_000, 6_000, 3_000, 1_500].map((metres) => range(byPosition(metres)))
    expect(ranges).toEqual([...ranges].sort((a, b) => b - a))
    expect(range(byPosition(6_000, { heardAt: now - 120_000 })) - range(byPosition(6_000))).toBe(120_000)
    expect(etaByPosition(underWay(6_000, { heardAt: now - 300_001 }), now, defaultLimits)).toBeUndefined()
  })

  it("is later by what stops before it take", () => {
    const half = { lat: destination.lat - 1_500 / metresPerDegree, lng: destination.lng }
    const [straight, over] = [byPosition(3_000), byPosition(3_000, { stopsAhead: [half] })]
    expect(over.p50At - straight.p50At).toBeGreaterThanOrEqual(105_000)
    expect(over).toMatchObject({ stopsAhead: 1, remainingM: undefined })
    expect(straight).toMatchObject({ stopsAhead: 0, remainingM: 3_800 })
  })

  it("takes a break for as long as it lasts, and not for a door", () => {
    const half = { lat: destination.lat - 1_500 / metresPerDegree, lng: destination.lng }
    const [door, pause] = [half, { ...half, stayS: 1_800 }].map((stop) => byPosition(3_000, { stopsAhead: [stop] }))
    expect((pause?.p50At ?? 0) - (door?.p50At ?? 0)).toBe((1_800 - etaModel.serviceS) * 1_000)
    expect(pause).toMatchObject({ stopsAhead: 1, remainingM: undefined })
  })
})

describe("a driver's pace", () => {
  it("is the city's before anything is known, and comes near the driver's own with the minutes", () => {
    expect(effectiveMps(noPace, "van")).toBe(6.6)
    expect(effectiveMps(noPace, "bicycle")).toBeLessThan(6.6)
    let pace = noPace
    const speeds: Array<number> = []
    for (let second = 0; second <= 600; second += 5) {
      pace = paceAfter(pace, 2_000, now + second * 1_000)
      speeds.push(effectiveMps(pace, "van"))
    }
    expect(speeds).toEqual([...speeds].sort((a, b) => a - b))
    expect(speeds.at(-1)).toBeGreaterThan(10)
    expect(speeds.at(-1)).toBeLessThan(14)
  })

  it("learns nothing from standing still or from a speed that is not known, and forgets with time", () => {
    const moving = paceAfter(noPace, 1_500, now)
    for (const speed of [0, 149, -1, Number.NaN])
      expect(paceAfter(moving, speed, now + 1_000).movingMps).toBe(moving.movingMps)
    expect(paceAfter(moving, 0, now + 3_600_000).weightS).toBeLessThan(0.001)
  })
})

it("a way by road is longer than the line, and grows with it", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e5, noNaN: true }), fc.double({ min: 0, max: 1e5, noNaN: true }), (a, b) => {
      expect(roadM(a)).toBeGreaterThanOrEqual(1.25 * a)
      expect(roadM(Math.max(a, b))).toBeGreaterThanOrEqual(roadM(Math.min(a, b)))
    }),
    { verbose: 1 }
  )
})

describe("an estimate by schedule", () => {
  const window = { startMs: now + 3_600_000, endMs: now + 7_200_000 }

  it("is the middle of the window and its end, then of what is left of it, and nothing once it is over", () => {
    expect(etaBySchedule(window, now, defaultLimits)).toMatchObject({
      p50At: now + 5_400_000,
      p90At: window.endMs,
      source: "schedule",
      remainingM: undefined,
      stopsAhead: undefined
    })
    expect(etaBySchedule(window, now + 5_400_000, defaultLimits)).toMatchObject({ p50At: now + 6_300_000 })
    expect(etaBySchedule(window, window.endMs, defaultLimits)).toBeUndefined()
  })

  it("is never in the past and in order", () => {
    fc.assert(
      fc.property(fc.option(fc.integer({ min: -1e7, max: 1e7 })), fc.integer({ min: -1e7, max: 1e7 }), (start, end) => {
        const startMs = start === null ? undefined : now + start
        const made = etaBySchedule({ startMs, endMs: now + end }, now, defaultLimits)
        if (made === undefined) return
        expect(made.p50At).toBeGreaterThanOrEqual(now + defaultLimits.etaFloorMs)
        expect(made.p90At).toBeGreaterThanOrEqual(made.p50At)
      }),
      { verbose: 1 }
    )
  })
})

describe("watchers are told", () => {
  const tells = (next: Partial<Eta>, told: Partial<Eta> = {}): boolean =>
    isWorthTelling(eta(told), eta({ computedAt: now + 60_000, ...next }), defaultLimits)

  it("the first estimate, and one that makes the last one wrong, at once", () => {
    expect(isWorthTelling(undefined, eta(), defaultLimits)).toBe(true)
    expect(tells({ computedAt: now + 1, source: "schedule" })).toBe(true)
    expect(tells({ computedAt: now + 1, stopsAhead: 1 })).toBe(true)
    expect(tells({ computedAt: now + 30_000 }, { p50At: now + 30_000 })).toBe(true)
  })

  it("another one only when it moved far enough, and not twice a minute", () => {
    expect(tells({ p50At: now + 645_000 })).toBe(false)
    expect(tells({ p50At: now + 675_000 })).toBe(true)
    expect(tells({ p50At: now + 900_000, computedAt: now + 59_999 })).toBe(false)
    expect(tells({ p90At: now + 915_000 })).toBe(false)
    expect(tells({ p90At: now + 945_000 })).toBe(true)
    // An hour away, five minutes are a tenth.
    expect(tells({ p50At: now + 3_900_000 }, { p50At: now + 3_600_000 })).toBe(false)
  })
})

it("an estimate is committed when it is the first, and then when it has moved far, seldom", () => {
  const kept = { p50At: now + 600_000, computedAt: now }
  const keeps = (p50At: number, nowMs: number) =>
    isWorthKeeping(kept, eta({ p50At, computedAt: now + 1 }), nowMs, defaultLimits)
  expect(isWorthKeeping(undefined, eta(), now, defaultLimits)).toBe(true)
  expect(keeps(now + 900_000, now + 180_000)).toBe(false)
  expect(keeps(now + 900_001, now + 180_000)).toBe(true)
  expect(keeps(now + 1_900_000, now + 179_999)).toBe(false)
})
