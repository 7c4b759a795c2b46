import fc from "fast-check"
import { expect, it } from "vitest"
import { LatencyHistogram } from "../../src/client/LatencyHistogram.ts"

it("answers each quantile with at most a sixteenth, or an eighth of a millisecond, too much", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1e7, noNaN: true }), { minLength: 1, maxLength: 200 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, share) => {
        const histogram = new LatencyHistogram()
        for (const value of values) histogram.record(value)
        const sorted = [...values].sort((a, b) => a - b)
        const exact = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] as number
        const answer = histogram.quantileMs(share) as number
        expect(answer).toBeGreaterThanOrEqual(exact)
        expect(answer).toBeLessThanOrEqual(exact + Math.max(exact / 16, 0.125) + 1e-9)
      }
    )
  )
})

it("knows nothing before the first value", () => {
  expect(new LatencyHistogram().quantileMs(0.5)).toBeUndefined()
})
