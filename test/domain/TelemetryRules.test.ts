import { describe, expect, it } from "vitest"
import { bearingCdeg, distanceM } from "../../src/domain/Geo.ts"
import {
  clockFault,
  type DutyChange,
  Flag,
  flagNames,
  flagsOf,
  flagsThatHoldTheMarker,
  isOffDutyAt,
  jumpSpanMsMin,
  plausibleSpeedCms,
  poorAccuracyCm,
  telemetryRules
} from "../../src/domain/TelemetryRules.ts"

const unknown = Number.NaN
const tolerance = { clockFutureMs: 120_000, clockPastMs: 72 * 3_600_000, lateAfterMs: 60_000 }
const now = 1_800_000_000_000
const here = { recordedAt: now, latE7: 525_200_000, lngE7: 134_050_000 }
/** E7 of latitude that are about so many metres. */
const north = (metres: number): number => Math.round((metres / 111_195.08) * 1e7)

describe("the table of rules", () => {
  it("keeps from the marker what is a jump or poorly accurate, and nothing else", () => {
    expect(flagsThatHoldTheMarker).toBe(Flag.jump | Flag.poorAccuracy)
  })

  it("gives each flag one bit and one name, and each quarantine condition its own code", () => {
    const bits = Object.values(telemetryRules).flatMap((rule) => (rule.store ? [rule.flag] : []))
    expect(bits.toSorted()).toEqual([1, 2, 4, 8])
    expect(flagNames.map(([bit]) => bit)).toEqual([1, 2, 4, 8])
    for (const [condition, rule] of Object.entries(telemetryRules)) {
      if (rule.store) expect(flagNames).toContainEqual([rule.flag, condition])
      else expect(rule.code).toBe(condition)
    }
  })
})

describe("flags", () => {
  const cases: ReadonlyArray<readonly [name: string, flags: number, expected: number]> = [
    ["nothing is known but the place", flagsOf(now, 0, 0, unknown, unknown, now, undefined, 60_000), 0],
    ["70 m/s", flagsOf(now, 0, 0, plausibleSpeedCms, unknown, now, undefined, 60_000), 0],
    [
      "a little more than 70 m/s",
      flagsOf(now, 0, 0, plausibleSpeedCms + 1, unknown, now, undefined, 60_000),
      Flag.implausibleSpeed
    ],
    ["an accuracy of 199.99 m", flagsOf(now, 0, 0, unknown, poorAccuracyCm - 1, now, undefined, 60_000), 0],
    ["an accuracy of 200 m", flagsOf(now, 0, 0, unknown, poorAccuracyCm, now, undefined, 60_000), Flag.poorAccuracy],
    ["a minute old", flagsOf(now - 60_000, 0, 0, unknown, unknown, now, undefined, 60_000), 0],
    ["older than a minute", flagsOf(now - 60_001, 0, 0, unknown, unknown, now, undefined, 60_000), Flag.late],
    ["all at once", flagsOf(now - 60_001, 0, 0, 99_999, 99_999, now, here, 60_000), 15]
  ]
  it.each(cases)("%s", (_, flags, expected) => {
    expect(flags).toBe(expected)
  })

  const jump = (metres: number, ms: number): boolean =>
    flagsOf(now + ms, here.latE7 + north(metres), here.lngE7, unknown, unknown, now + ms, here, 60_000) === Flag.jump

  it("call a move of more than 70 m/s a jump", () => {
    expect([jump(690, 10_000), jump(710, 10_000)]).toEqual([false, true])
  })

  it("judge a move over at least a second, since two fixes may share a millisecond", () => {
    expect([jump(69, 0), jump(69, jumpSpanMsMin - 1), jump(71, 0)]).toEqual([false, false, true])
  })

  it("judge a point from before the last one by the same distance", () => {
    expect([jump(690, -10_000), jump(710, -10_000)]).toEqual([false, true])
  })

  it("do not take the antimeridian for a jump round the world", () => {
    const east = { recordedAt: now, latE7: 0, lngE7: 1_799_999_900 }
    expect(flagsOf(now + 1_000, 0, -1_799_999_900, unknown, unknown, now + 1_000, east, 60_000)).toBe(0)
  })
})

describe("the phone's clock", () => {
  it("may be two minutes ahead and 72 hours behind, both inclusive", () => {
    expect(clockFault(now + 120_000, now, tolerance)).toBeUndefined()
    expect(clockFault(now + 120_001, now, tolerance)).toBe("clock_future")
    expect(clockFault(now - tolerance.clockPastMs, now, tolerance)).toBeUndefined()
    expect(clockFault(now - tolerance.clockPastMs - 1, now, tolerance)).toBe("clock_past")
  })
})

describe("off duty", () => {
  const log = (...changes: ReadonlyArray<readonly [number, DutyChange["duty"]]>): ReadonlyArray<DutyChange> =>
    changes.map(([occurredAt, duty]) => ({ occurredAt, duty }))
  const cases: ReadonlyArray<readonly [name: string, log: ReadonlyArray<DutyChange>, at: number, isOff: boolean]> = [
    ["never set", [], 5, false],
    ["before the first change", log([10, "off"]), 9, false],
    ["at the very off", log([10, "off"]), 10, false],
    ["after off", log([10, "off"]), 11, true],
    ["at the next on", log([10, "off"], [20, "on"]), 20, false],
    ["just before the next on", log([10, "off"], [20, "on"]), 19, true],
    ["after on", log([10, "off"], [20, "on"]), 21, false],
    ["on a break", log([10, "on"], [20, "break"]), 25, false],
    ["a break after off ends nothing", log([10, "off"], [20, "break"]), 25, true],
    ["a break between off and on", log([10, "off"], [15, "break"], [20, "on"]), 17, true],
    ["off and on at the same moment", log([10, "off"], [10, "on"]), 11, false],
    ["on and off at the same moment", log([10, "on"], [10, "off"]), 11, true],
    ["off twice", log([10, "off"], [20, "off"]), 20, true]
  ]
  it.each(cases)("%s", (_, changes, at, isOff) => {
    expect(isOffDutyAt(changes, at)).toBe(isOff)
  })
})

describe("distance and bearing", () => {
  it("agree with known distances to the millionth", () => {
    const degree = 111_195.0802
    expect(distanceM(0, 0, 0, 10_000_000)).toBeCloseTo(degree, 2)
    expect(distanceM(0, 0, 10_000_000, 0)).toBeCloseTo(degree, 2)
    expect(distanceM(900_000_000, 0, -900_000_000, 0) / (180 * degree)).toBeCloseTo(1, 6)
    expect(distanceM(0, 0, 0, 1_800_000_000) / (180 * degree)).toBeCloseTo(1, 6)
    // Berlin to Paris by the haversine on R1.
    expect(distanceM(525_200_000, 134_050_000, 488_566_000, 23_522_000) / 877_460).toBeCloseTo(1, 3)
  })

  it("go the shorter way over the antimeridian and to a pole", () => {
    expect(distanceM(0, 1_799_999_950, 0, -1_799_999_950)).toBeLessThan(2)
    expect(distanceM(900_000_000, 0, 900_000_000, 1_200_000_000)).toBeLessThan(0.001)
  })

  it("keep their precision for a centimetre", () => {
    expect(distanceM(525_200_000, 134_050_000, 525_200_001, 134_050_000)).toBeCloseTo(0.0111, 4)
    expect(distanceM(1, 2, 1, 2)).toBe(0)
  })

  it("name the four quarters", () => {
    const bearings = [
      [1_000, 0],
      [0, 1_000],
      [-1_000, 0],
      [0, -1_000]
    ].map(([lat = 0, lng = 0]) => bearingCdeg(0, 0, lat, lng))
    expect(bearings).toEqual([0, 9_000, 18_000, 27_000])
  })
})
