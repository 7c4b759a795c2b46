import { earthRadiusM } from "./Geo.ts"

const toRadians = Math.PI / 180

/** A place in degrees. */
export interface Place {
  readonly lat: number
  readonly lng: number
}

/** Squared distance in metres from a place to the chord between two others, on a plane that touches the earth at the first end. */
const squaredOffsetM = (at: Place, from: Place, to: Place): number => {
  const shrink = Math.cos(from.lat * toRadians)
  const x = (lng: number): number => wrapDelta(lng - from.lng) * toRadians * shrink * earthRadiusM
  const y = (lat: number): number => (lat - from.lat) * toRadians * earthRadiusM
  const toX = x(to.lng)
  const toY = y(to.lat)
  const length = toX * toX + toY * toY
  const along = length === 0 ? 0 : Math.max(0, Math.min(1, (x(at.lng) * toX + y(at.lat) * toY) / length))
  const offX = x(at.lng) - along * toX
  const offY = y(at.lat) - along * toY
  return offX * offX + offY * offY
}

const wrapDelta = (degrees: number): number =>
  degrees > 180 ? degrees - 360 : degrees < -180 ? degrees + 360 : degrees

/**
 * The points of a trail that keep its shape to within `toleranceM` metres (Douglas and Peucker 1973), in their order; the first
 * and the last always stay. A stack instead of recursion: a trail that folds back on itself would otherwise be as deep as it
 * is long.
 */
export const simplify = <P extends Place>(trail: ReadonlyArray<P>, toleranceM: number): ReadonlyArray<P> => {
  if (trail.length <= 2 || toleranceM <= 0) return trail
  const kept = new Uint8Array(trail.length)
  kept[0] = 1
  kept[trail.length - 1] = 1
  const spans: Array<readonly [number, number]> = [[0, trail.length - 1]]
  for (let span = spans.pop(); span !== undefined; span = spans.pop()) {
    const middle = farthest(trail, span[0], span[1], toleranceM)
    if (middle === undefined) continue
    kept[middle] = 1
    spans.push([span[0], middle], [middle, span[1]])
  }
  return trail.filter((_, index) => kept[index] === 1)
}

const farthest = (trail: ReadonlyArray<Place>, first: number, last: number, toleranceM: number): number | undefined => {
  const from = trail[first]
  const to = trail[last]
  if (from === undefined || to === undefined) return undefined
  let worst = toleranceM * toleranceM
  let index: number | undefined
  for (let i = first + 1; i < last; i++) {
    const at = trail[i]
    const offset = at === undefined ? 0 : squaredOffsetM(at, from, to)
    if (offset > worst) {
      worst = offset
      index = i
    }
  }
  return index
}
