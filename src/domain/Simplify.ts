import { earthRadiusM } from "./Geo.ts"

const toRadians = Math.PI / 180

/** A place in degrees. */
export interface Place {
  readonly lat: number
  readonly lng: number
}

type Vector = readonly [x: number, y: number, z: number]

// On the sphere instead of a map: neither the antimeridian nor a pole nor a long straight stretch is a special case.
const onSphere = ({ lat, lng }: Place): Vector => {
  const shrink = Math.cos(lat * toRadians)
  return [shrink * Math.cos(lng * toRadians), shrink * Math.sin(lng * toRadians), Math.sin(lat * toRadians)]
}

const cross = (a: Vector, b: Vector): Vector => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0]
]
const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
const apart = (a: Vector, b: Vector): number => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])

interface Farthest {
  readonly index: number
  readonly offset: number
}

/** The point between two others that is farthest from the great-circle arc between them, and how far, in earth radii. */
const farthest = (trail: ReadonlyArray<Vector>, first: number, last: number): Farthest => {
  const [from = [0, 0, 0], to = [0, 0, 0]] = [trail[first], trail[last]]
  const normal = cross(from, to)
  const length = Math.hypot(...normal)
  const afterFrom = cross(normal, from)
  const beforeTo = cross(to, normal)
  let worst: Farthest = { index: first, offset: -1 }
  for (let index = first + 1; index < last; index++) {
    const at = trail[index] ?? from
    const beside = length > 0 && dot(at, afterFrom) >= 0 && dot(at, beforeTo) >= 0
    const offset = beside ? Math.abs(dot(at, normal)) / length : Math.min(apart(at, from), apart(at, to))
    if (offset > worst.offset) worst = { index, offset }
  }
  return worst
}

// Douglas-Peucker is quadratic for a trail that folds back on itself at every point. A million measurements take about 20 ms;
// what is left then stays as it is, which keeps every promise but that of few points.
const measurementsMax = 1_000_000

/**
 * The points of a trail that keep its shape to within `toleranceM` metres (Douglas and Peucker 1973), in their order; the first
 * and the last always stay. A stack instead of recursion: the depth can be the length.
 */
export const simplify = <P extends Place>(trail: ReadonlyArray<P>, toleranceM: number): ReadonlyArray<P> => {
  if (trail.length <= 2 || toleranceM <= 0) return trail
  const vectors = trail.map(onSphere)
  const dropped = new Uint8Array(trail.length)
  const spans: Array<readonly [first: number, last: number]> = [[0, trail.length - 1]]
  let measurements = 0
  for (let span = spans.pop(); span !== undefined && measurements < measurementsMax; span = spans.pop()) {
    const [first, last] = span
    if (last - first < 2) continue
    measurements += last - first
    const worst = farthest(vectors, first, last)
    if (worst.offset * earthRadiusM > toleranceM) spans.push([first, worst.index], [worst.index, last])
    else dropped.fill(1, first + 1, last)
  }
  return trail.filter((_, index) => dropped[index] === 0)
}
