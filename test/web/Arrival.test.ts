import { describe, expect, it } from "vitest"
import { arrivalWords, timeWords } from "../../web/src/design/Arrival.ts"

const now = Date.UTC(2026, 4, 4, 12, 0, 30)
const minutes = (count: number): number => now + count * 60_000
const words = (p50: number, p90: number, source: "position" | "schedule" = "position") =>
  arrivalWords({ p50At: minutes(p50), p90At: minutes(p90), source }, now)

describe("when a parcel is expected, in words", () => {
  it("is counted in minutes when it is near, as a range unless that is narrow", () => {
    expect(words(0.5, 1.5)).toBe("any minute now")
    expect(words(1, 2)).toBe("any minute now")
    expect(words(1, 2.5)).toBe("in about 3 min")
    expect(words(6.5, 8)).toBe("in about 8 min")
    expect(words(6.5, 9.2)).toBe("in 6 to 10 min")
    expect(words(15, 21)).toBe("in 15 to 21 min")
  })

  it("is a time of day in fives when it is far, rounded so that the range holds what is expected", () => {
    const at = (hour: number, minute: number): string => timeWords(Date.UTC(2026, 4, 4, hour, minute))
    expect(words(16, 22)).toBe(`${at(12, 15)} to ${at(12, 25)}`)
    expect(words(64, 80)).toBe(`${at(13, 0)} to ${at(13, 25)}`)
  })

  it("is the end of what was promised as long as no driver is on the way", () => {
    expect(words(90, 119.5, "schedule")).toBe(`by ${timeWords(minutes(119.5))}`)
  })

  it("is nothing once the range is over", () => {
    expect(words(-5, 0)).toBeUndefined()
    expect(words(-9, -1, "schedule")).toBeUndefined()
    // The likely moment has passed, the range has not: any minute.
    expect(words(-1, 1)).toBe("any minute now")
  })
})
