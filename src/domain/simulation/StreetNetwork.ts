import { earthRadiusM } from "../Geo.ts"
import { SeededRandom } from "./SeededRandom.ts"

/** Kinds of street, in the order of their number in `StreetNetwork.kind`, with the speed that traffic really flows at. */
export const streetKinds = [
  { name: "residential", speedMps: 30 / 3.6, signalChance: 0.04 },
  { name: "collector", speedMps: 42 / 3.6, signalChance: 0.12 },
  { name: "arterial", speedMps: 54 / 3.6, signalChance: 0.28 },
  { name: "bridge", speedMps: 50 / 3.6, signalChance: 0 }
] as const

const RESIDENTIAL = 0
const COLLECTOR = 1
const ARTERIAL = 2
const BRIDGE = 3

export interface StreetNetworkOptions {
  readonly seed: number
  /** Streets in each direction; at least 8. */
  readonly columns?: number
  readonly rows?: number
  readonly blockM?: number
  /** Middle of the city, degrees. */
  readonly lat?: number
  readonly lng?: number
  /** Metres on the ground for each metre of the network: below 1 it is a model of the city. */
  readonly scale?: number
}

/** A circle without mobile network: an underpass, a garage, a valley. Metres. */
export interface DeadZone {
  readonly x: number
  readonly y: number
  readonly radiusM: number
}

/**
 * A made-up city: crossings and directed streets, in metres east (`x`) and north (`y`) of its middle. The streets of crossing `n`
 * are those from `firstStreet[n]` to before `firstStreet[n + 1]`. From every crossing every other can be reached.
 */
export interface StreetNetwork {
  readonly lat: number
  readonly lng: number
  /** Metres on the ground for each metre of the network. */
  readonly scale: number
  readonly x: Float64Array
  readonly y: Float64Array
  readonly firstStreet: Uint32Array
  /** Crossing that a street leads to. */
  readonly to: Uint32Array
  readonly lengthM: Float64Array
  /** Index in `streetKinds`. */
  readonly kind: Uint8Array
  readonly deadZones: ReadonlyArray<DeadZone>
  /** The river's northing at an easting; for drawing. */
  readonly riverY: (x: number) => number
}

interface Street {
  readonly from: number
  readonly to: number
  readonly kind: number
}

/**
 * Builds the city of a seed: an irregular grid of blocks; arterials that cross it whole, collectors between them, residential
 * streets of which some are one-way and some are missing (parks, schools); and a winding river that only bridges cross.
 */
export const buildStreetNetwork = (options: StreetNetworkOptions): StreetNetwork => {
  const { seed, columns = 36, rows = 28, blockM = 120 } = options
  if (columns < 8 || rows < 8) throw new RangeError("a city has at least 8 streets in each direction")
  const random = new SeededRandom(seed)
  const grid = crossings(random, columns, rows, blockM)
  const riverY = river(random, blockM)
  const streets = layStreets(random, grid, riverY)
  const { lat = 52.52, lng = 13.405, scale = 1 } = options
  return { lat, lng, scale, ...connected(grid, streets), deadZones: deadZones(random, grid), riverY }
}

interface Grid {
  readonly columns: number
  readonly rows: number
  readonly x: Float64Array
  readonly y: Float64Array
}

/** Distances between parallel streets differ, and no crossing is quite where the ruler says. */
const crossings = (random: SeededRandom, columns: number, rows: number, blockM: number): Grid => {
  const east = spacing(random, columns, blockM)
  const north = spacing(random, rows, blockM)
  const x = new Float64Array(columns * rows)
  const y = new Float64Array(columns * rows)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const crossing = row * columns + column
      x[crossing] = (east[column] as number) + random.between(-0.12, 0.12) * blockM
      y[crossing] = (north[row] as number) + random.between(-0.12, 0.12) * blockM
    }
  }
  return { columns, rows, x, y }
}

const spacing = (random: SeededRandom, count: number, blockM: number): ReadonlyArray<number> => {
  const places: Array<number> = [0]
  for (let i = 1; i < count; i++) places.push((places[i - 1] as number) + blockM * random.between(0.7, 1.4))
  const middle = (places[count - 1] as number) / 2
  return places.map((place) => place - middle)
}

const river = (random: SeededRandom, blockM: number): ((x: number) => number) => {
  const offset = random.between(-2, 2) * blockM
  const [phase, swing, period] = [
    random.between(0, 2 * Math.PI),
    random.between(1.2, 2.4) * blockM,
    random.between(12, 20) * blockM
  ]
  return (x) => offset + swing * Math.sin((2 * Math.PI * x) / period + phase)
}

const kindOfLine = (line: number, phase: number): number => {
  if ((line + phase) % 6 === 0) return ARTERIAL
  return (line + phase) % 3 === 0 ? COLLECTOR : RESIDENTIAL
}

const layStreets = (random: SeededRandom, grid: Grid, riverY: (x: number) => number): ReadonlyArray<Street> => {
  const streets: Array<Street> = []
  const phase = random.below(6)
  const isNorth = (crossing: number): boolean => (grid.y[crossing] as number) > riverY(grid.x[crossing] as number)
  const lay = (from: number, to: number, lineKind: number, oneWay: number): void => {
    const crossesRiver = isNorth(from) !== isNorth(to)
    if (crossesRiver && lineKind !== ARTERIAL) return
    if (lineKind === RESIDENTIAL && random.chance(0.07)) return
    const kind = crossesRiver ? BRIDGE : lineKind
    if (oneWay >= 0) streets.push({ from, to, kind })
    if (oneWay <= 0) streets.push({ from: to, to: from, kind })
  }
  for (let row = 0; row < grid.rows; row++) {
    const kind = kindOfLine(row, phase)
    const oneWay = oneWayOf(random, kind, row)
    for (let column = 1; column < grid.columns; column++) {
      const to = row * grid.columns + column
      lay(to - 1, to, kind, oneWay)
    }
  }
  for (let column = 0; column < grid.columns; column++) {
    const kind = kindOfLine(column, phase + 2)
    const oneWay = oneWayOf(random, kind, column)
    for (let row = 1; row < grid.rows; row++) {
      const to = row * grid.columns + column
      lay(to - grid.columns, to, kind, oneWay)
    }
  }
  return streets
}

/** 0: both ways; 1 and -1: with and against the counting. Neighbouring one-way streets lead in opposite directions. */
const oneWayOf = (random: SeededRandom, kind: number, line: number): number => {
  if (kind !== RESIDENTIAL || !random.chance(0.35)) return 0
  return line % 2 === 0 ? 1 : -1
}

const deadZones = (random: SeededRandom, grid: Grid): ReadonlyArray<DeadZone> =>
  Array.from({ length: 4 }, () => {
    const crossing = random.below(grid.x.length)
    return { x: grid.x[crossing] as number, y: grid.y[crossing] as number, radiusM: random.between(60, 180) }
  })

/** Keeps the part in which every crossing reaches every other, renumbered. */
const connected = (
  grid: Grid,
  streets: ReadonlyArray<Street>
): Pick<StreetNetwork, "x" | "y" | "firstStreet" | "to" | "lengthM" | "kind"> => {
  const kept = largestMutuallyReachable(grid.x.length, streets)
  const numberOf = new Map<number, number>()
  for (const crossing of kept) numberOf.set(crossing, numberOf.size)
  const inside = streets.flatMap((street) => {
    const from = numberOf.get(street.from)
    const to = numberOf.get(street.to)
    return from === undefined || to === undefined ? [] : [{ from, to, kind: street.kind }]
  })
  inside.sort((a, b) => a.from - b.from || a.to - b.to)
  const x = Float64Array.from(kept, (crossing) => grid.x[crossing] as number)
  const y = Float64Array.from(kept, (crossing) => grid.y[crossing] as number)
  const firstStreet = new Uint32Array(kept.length + 1)
  for (const { from } of inside) firstStreet[from + 1] = (firstStreet[from + 1] as number) + 1
  for (let i = 1; i < firstStreet.length; i++)
    firstStreet[i] = (firstStreet[i] as number) + (firstStreet[i - 1] as number)
  const length = ({ from, to }: Street): number =>
    Math.hypot((x[to] as number) - (x[from] as number), (y[to] as number) - (y[from] as number))
  return {
    x,
    y,
    firstStreet,
    to: Uint32Array.from(inside, ({ to }) => to),
    lengthM: Float64Array.from(inside, length),
    kind: Uint8Array.from(inside, ({ kind }) => kind)
  }
}

/** What a crossing reaches and is reached from, for the first crossing whose share is more than half of all. */
const largestMutuallyReachable = (count: number, streets: ReadonlyArray<Street>): ReadonlyArray<number> => {
  const onward: Array<Array<number>> = Array.from({ length: count }, () => [])
  const back: Array<Array<number>> = Array.from({ length: count }, () => [])
  for (const { from, to } of streets) {
    onward[from]?.push(to)
    back[to]?.push(from)
  }
  let best: ReadonlyArray<number> = []
  for (let start = 0; start < count && best.length * 2 <= count; start++) {
    const reaches = reachable(start, onward)
    const isReachedFrom = reachable(start, back)
    const mutual = [...reaches].filter((crossing) => isReachedFrom.has(crossing))
    if (mutual.length > best.length) best = mutual
  }
  return [...best].sort((a, b) => a - b)
}

const reachable = (start: number, neighbours: ReadonlyArray<ReadonlyArray<number>>): ReadonlySet<number> => {
  const seen = new Set([start])
  for (const crossing of seen) for (const next of neighbours[crossing] ?? []) seen.add(next)
  return seen
}

/** Degrees of latitude for each metre of the network. */
const degreesPerMetre = ({ scale }: StreetNetwork): number => (180 / Math.PI / earthRadiusM) * scale

/** Whether phones have no network at a place in metres east and north of the city's middle. */
export const isInDeadZone = ({ deadZones }: StreetNetwork, x: number, y: number): boolean =>
  deadZones.some((zone) => Math.hypot(x - zone.x, y - zone.y) < zone.radiusM)

/** Degrees of a place in the network's metres east and north of the city's middle (flat-earth, good for a city). */
export const placeDegrees = (
  network: StreetNetwork,
  x: number,
  y: number
): { readonly lat: number; readonly lng: number } => ({
  lat: network.lat + y * degreesPerMetre(network),
  lng: network.lng + (x * degreesPerMetre(network)) / Math.cos((network.lat * Math.PI) / 180)
})

/** The street from one crossing to a neighbour; undefined when there is none. */
export const streetBetween = (network: StreetNetwork, from: number, to: number): number | undefined => {
  const end = network.firstStreet[from + 1] ?? 0
  for (let street = network.firstStreet[from] ?? end; street < end; street++)
    if (network.to[street] === to) return street
  return undefined
}

/** The crossing nearest to a place in metres east and north of the city's middle. */
export const nearestCrossing = (network: StreetNetwork, x: number, y: number): number => {
  let [best, bestM] = [0, Number.POSITIVE_INFINITY]
  for (let crossing = 0; crossing < network.x.length; crossing++) {
    const awayM = Math.hypot((network.x[crossing] as number) - x, (network.y[crossing] as number) - y)
    if (awayM < bestM) [best, bestM] = [crossing, awayM]
  }
  return best
}

/** A place in a street. */
export interface StreetPlace {
  readonly street: number
  /** The crossing that the street starts from. */
  readonly from: number
  /** Metres from there. */
  readonly alongM: number
  /** How far the place that was asked for lies beside the street, metres. */
  readonly besideM: number
}

/**
 * The place in any street that is nearest to one in metres east and north of the city's middle; of the two directions of a street, the
 * one that leads more towards `headingDeg` (from north).
 */
export const nearestStreet = (network: StreetNetwork, x: number, y: number, headingDeg: number): StreetPlace => {
  let best: StreetPlace = { street: 0, from: 0, alongM: 0, besideM: Number.POSITIVE_INFINITY }
  let bestMissM = Number.POSITIVE_INFINITY
  for (let from = 0; from < network.x.length; from++) {
    const end = network.firstStreet[from + 1] ?? 0
    for (let street = network.firstStreet[from] ?? end; street < end; street++) {
      const place = placeInStreet(network, from, street, x, y)
      // Less than anybody could measure: it only decides between the two directions.
      const missM = place.besideM + (isTowards(network, from, street, headingDeg) ? 0 : 1e-3)
      if (missM < bestMissM) [best, bestMissM] = [place, missM]
    }
  }
  return best
}

const placeInStreet = (network: StreetNetwork, from: number, street: number, x: number, y: number): StreetPlace => {
  const to = network.to[street] ?? from
  const lengthM = network.lengthM[street] ?? 0
  const [fromX, fromY] = [network.x[from] ?? 0, network.y[from] ?? 0]
  const [east, north] = [((network.x[to] ?? 0) - fromX) / lengthM, ((network.y[to] ?? 0) - fromY) / lengthM]
  const alongM = Math.max(0, Math.min(lengthM, (x - fromX) * east + (y - fromY) * north))
  return { street, from, alongM, besideM: Math.hypot(x - fromX - east * alongM, y - fromY - north * alongM) }
}

const isTowards = (network: StreetNetwork, from: number, street: number, headingDeg: number): boolean => {
  const to = network.to[street] ?? from
  const [east, north] = [(network.x[to] ?? 0) - (network.x[from] ?? 0), (network.y[to] ?? 0) - (network.y[from] ?? 0)]
  const heading = (headingDeg * Math.PI) / 180
  return east * Math.sin(heading) + north * Math.cos(heading) > 0
}

/** The network's metres east and north of the city's middle: the inverse of `placeDegrees`. */
export const placeMetres = (
  network: StreetNetwork,
  lat: number,
  lng: number
): { readonly x: number; readonly y: number } => ({
  x: ((lng - network.lng) * Math.cos((network.lat * Math.PI) / 180)) / degreesPerMetre(network),
  y: (lat - network.lat) / degreesPerMetre(network)
})
