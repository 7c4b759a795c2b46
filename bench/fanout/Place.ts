import type { LivePlace } from "../../src/realtime/OrderChannel.ts"

/** Subjects of a live map lie in bands of latitude, one a group of this many, far enough apart that boxes tell them apart. */
export const bandSubjects = 100
const bandE7 = 100_000

export const latE7Of = (subject: number): number => 100_000_000 + Math.floor(subject / bandSubjects) * bandE7

/** Where a subject is after a move, as the product's hub takes it. */
export const placeOf = (subject: number, stamp: number, recordedAt: number): LivePlace => ({
  recordedAt,
  latE7: latE7Of(subject),
  lngE7: stamp,
  speedCms: 1_100,
  headingCdeg: 9_000
})

/** The box that holds `count` subjects from `first` and no others; whole bands. */
export const boxOf = (
  first: number,
  count: number,
  edge: number
): readonly [west: number, south: number, east: number, north: number] => [
  -180,
  (latE7Of(first) - bandE7 / 4) / 1e7 - edge / 1e6,
  180,
  (latE7Of(first + count - 1) + bandE7 / 4) / 1e7
]
