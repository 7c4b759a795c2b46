import fc from "fast-check"
import type { WirePoint } from "../../src/protocol/PointFrames.ts"

const orNull = <A>(values: fc.Arbitrary<A>): fc.Arbitrary<A | null> => fc.option(values, { nil: null })

/** Fields of a sound point, extremes of every range among them. */
export const soundFields = {
  latE7: fc.oneof(fc.constantFrom(-900_000_000, 900_000_000, 0), fc.integer({ min: -900_000_000, max: 900_000_000 })),
  lngE7: fc.oneof(
    fc.constantFrom(-1_800_000_000, 1_800_000_000, 0),
    fc.integer({ min: -1_800_000_000, max: 1_800_000_000 })
  ),
  speedCms: orNull(fc.oneof(fc.constantFrom(0, 7_000, 7_001, 100_000), fc.integer({ min: 0, max: 100_000 }))),
  headingCdeg: orNull(fc.oneof(fc.constantFrom(0, 35_999), fc.integer({ min: 0, max: 35_999 }))),
  accuracyCm: orNull(
    fc.oneof(fc.constantFrom(1, 19_999, 20_000, 2_147_483_647), fc.integer({ min: 1, max: 2_147_483_647 }))
  ),
  battery: orNull(fc.integer({ min: 0, max: 100 })),
  source: fc.integer({ min: 0, max: 4 })
} as const

/** Points with consecutive numbers and a clock that does not step back, as an app would put them into one BATCH. */
export const soundPoints = (max: number): fc.Arbitrary<Array<WirePoint>> =>
  fc
    .tuple(
      fc.oneof(fc.constantFrom(1, 2 ** 53 - 1 - max), fc.integer({ min: 1, max: 2 ** 40 })),
      fc.integer({ min: -(2 ** 45), max: 2 ** 45 }),
      fc.array(
        fc.record({
          dt: fc.integer({ min: 0, max: 100_000 }),
          latE7: soundFields.latE7,
          lngE7: soundFields.lngE7,
          speedCms: soundFields.speedCms,
          headingCdeg: soundFields.headingCdeg,
          accuracyCm: soundFields.accuracyCm
        }),
        { minLength: 1, maxLength: max }
      )
    )
    .map(([firstSeq, t0, fields]) => {
      let recordedAt = t0
      return fields.map(({ dt, ...rest }, i) => {
        recordedAt += dt
        return { seq: firstSeq + i, recordedAt, ...rest }
      })
    })

/** What may stand where a number belongs. */
export const anyEntry: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -2_000, max: 2_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: -2_000_000_000, max: 2_000_000_000 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(null, Number.NaN, Number.POSITIVE_INFINITY, 0.5, "x", true, -0, 2 ** 53, -(2 ** 60))
  },
  { weight: 1, arbitrary: fc.double() },
  { weight: 1, arbitrary: fc.constantFrom([], {}, [1], { a: 1 }) }
)

const column = (length: number): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.array(anyEntry, { minLength: length, maxLength: length }) },
    { weight: 2, arbitrary: fc.constantFrom(null, undefined) },
    { weight: 1, arbitrary: fc.array(anyEntry, { maxLength: 8 }) }
  )

/** POINT and BATCH frames that may break every rule. */
export const anyPointFrame: fc.Arbitrary<ReadonlyArray<unknown>> = fc.oneof(
  fc
    .tuple(fc.constant(2), fc.oneof(fc.integer({ min: 1, max: 100 }), anyEntry))
    .chain(([type, seq]) => fc.array(anyEntry, { maxLength: 10 }).map((rest) => [type, seq, ...rest])),
  fc
    .integer({ min: 0, max: 6 })
    .chain((length) =>
      fc.tuple(
        fc.constant(3),
        fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 1, max: 100 }) }, { weight: 1, arbitrary: anyEntry }),
        anyEntry,
        fc.array(anyEntry, { minLength: length, maxLength: length }),
        column(length),
        fc.array(anyEntry, { minLength: length, maxLength: length }),
        column(length),
        column(length),
        column(length),
        anyEntry,
        anyEntry
      )
    )
)
