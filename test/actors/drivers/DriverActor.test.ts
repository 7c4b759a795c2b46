import { describe, expect, it } from "vitest"
import { DriverActor } from "../../../src/actors/drivers/DriverActor.ts"
import { plausibleSpeedCms } from "../../../src/domain/TelemetryRules.ts"

const now = 1_780_000_000_123
const driver = (): DriverActor => new DriverActor("0197c0de-0000-7000-8000-000000000001", "D", now)

describe("a driver's marker", () => {
  it("is absent before the first place, and everything that has a time comes after it", () => {
    const actor = driver()
    expect(actor.hasMarker).toBe(false)
    expect([actor.markerRecordedAt, actor.markerReceivedAt]).toEqual([
      Number.NEGATIVE_INFINITY,
      Number.NEGATIVE_INFINITY
    ])
    expect(actor.moveMarker(0, 0, 1, 1, 2, 3, 4, 5)).toBe(true)
  })

  it("tells what it was given, whether the server had it before or months after it was recorded", () => {
    for (const receivedAt of [now - 120_000, now, now + 250, now + 100 * 86_400_000]) {
      const actor = driver()
      actor.moveMarker(now, receivedAt, 1, 525_000_000, -1_799_999_999, 0, 0, 2_147_483_647)
      expect([actor.markerRecordedAt, actor.markerReceivedAt]).toEqual([now, receivedAt])
      expect([actor.latE7, actor.lngE7]).toEqual([525_000_000, -1_799_999_999])
      expect([actor.speedCms, actor.headingCdeg, actor.accuracyCm]).toEqual([0, 0, 2_147_483_647])
    }
  })

  it("has NaN for what is not known, also after it was, and a speed that is clamped", () => {
    const actor = driver()
    expect([actor.speedCms, actor.headingCdeg, actor.accuracyCm]).toEqual([Number.NaN, Number.NaN, Number.NaN])
    actor.moveMarker(now, now, 1, 1, 2, plausibleSpeedCms + 1, 9_000, 500)
    expect([actor.speedCms, actor.headingCdeg, actor.accuracyCm]).toEqual([plausibleSpeedCms, 9_000, 500])
    actor.moveMarker(now + 1, now + 1, 1, 1, 2, Number.NaN, Number.NaN, Number.NaN)
    expect([actor.speedCms, actor.headingCdeg, actor.accuracyCm]).toEqual([Number.NaN, Number.NaN, Number.NaN])
  })

  it("goes to the later reception when two places were recorded at once, and never back", () => {
    const actor = driver()
    expect(actor.moveMarker(now, now + 500, 1, 1, 1, 0, 0, 1)).toBe(true)
    expect(actor.moveMarker(now, now + 499, 2, 2, 2, 0, 0, 1)).toBe(false)
    expect(actor.moveMarker(now, now + 500, 1, 2, 2, 0, 0, 1)).toBe(false)
    expect(actor.moveMarker(now, now + 500, 2, 3, 3, 0, 0, 1)).toBe(true)
    expect(actor.moveMarker(now - 1, now + 900, 3, 4, 4, 0, 0, 1)).toBe(false)
    expect([actor.latE7, actor.markerReceivedAt, actor.markerDeviceNo]).toEqual([3, now + 500, 2])
  })
})

describe("a driver", () => {
  it("is as old as the second in which it was last heard of, never older", () => {
    const actor = driver()
    for (const at of [now, now + 876, now + 877, now + 878]) {
      actor.heard(at)
      expect(actor.heardAt - at).toBeGreaterThanOrEqual(0)
      expect(actor.heardAt - at).toBeLessThan(1_000)
    }
  })
})
