import type { FeatureCollection, MultiLineString, Polygon, Position } from "geojson"
import {
  buildStreetNetwork,
  placeDegrees,
  type StreetNetwork,
  streetKinds
} from "../../../src/domain/simulation/StreetNetwork.ts"

/** The city that `demo` and `simulate` drive in unless they are told another seed. */
const demoSeed = 1
const riverHalfWidthM = 32
const riverStepM = 60
/** How far the river goes on beyond the outermost crossings. */
const riverBeyondM = 1_500

/** A drawn city: one feature for each kind of street, and the river. */
export interface CityDrawing {
  readonly streets: FeatureCollection<MultiLineString, { readonly kind: string }>
  readonly river: FeatureCollection<Polygon>
  /** Degrees: south-west and north-east corners. */
  readonly bounds: readonly [Position, Position]
}

/** The simulated city's own streets, computed as the simulation computes them: nothing is loaded from anywhere. */
export const cityDrawing = (): CityDrawing => {
  const network = buildStreetNetwork({ seed: demoSeed })
  return { streets: streetsOf(network), river: riverOf(network), bounds: boundsOf(network) }
}

const position = (network: StreetNetwork, x: number, y: number): Position => {
  const { lat, lng } = placeDegrees(network, x, y)
  return [lng, lat]
}

const crossingAt = (network: StreetNetwork, crossing: number): Position =>
  position(network, network.x[crossing] ?? 0, network.y[crossing] ?? 0)

/** A street with traffic both ways is two directed ones; it is drawn once. */
const streetsOf = (network: StreetNetwork): CityDrawing["streets"] => {
  const lines = streetKinds.map((): Array<Array<Position>> => [])
  const drawn = new Set<number>()
  const crossings = network.x.length
  for (let from = 0; from < crossings; from++) {
    const end = network.firstStreet[from + 1] ?? 0
    for (let street = network.firstStreet[from] ?? end; street < end; street++) {
      const to = network.to[street] ?? from
      const key = Math.min(from, to) * crossings + Math.max(from, to)
      if (drawn.has(key)) continue
      drawn.add(key)
      lines[network.kind[street] ?? 0]?.push([crossingAt(network, from), crossingAt(network, to)])
    }
  }
  return {
    type: "FeatureCollection",
    features: streetKinds.map(({ name }, kind) => ({
      type: "Feature",
      properties: { kind: name },
      geometry: { type: "MultiLineString", coordinates: lines[kind] ?? [] }
    }))
  }
}

const extent = (column: Float64Array): readonly [least: number, most: number] =>
  column.reduce<readonly [number, number]>(
    ([least, most], value) => [Math.min(least, value), Math.max(most, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  )

const riverOf = (network: StreetNetwork): CityDrawing["river"] => {
  const [west, east] = extent(network.x)
  const north: Array<Position> = []
  const south: Array<Position> = []
  for (let x = west - riverBeyondM; x <= east + riverBeyondM; x += riverStepM) {
    north.push(position(network, x, network.riverY(x) + riverHalfWidthM))
    south.push(position(network, x, network.riverY(x) - riverHalfWidthM))
  }
  const ring = [...north, ...south.reverse(), ...north.slice(0, 1)]
  return {
    type: "FeatureCollection",
    features: [{ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [ring] } }]
  }
}

const boundsOf = (network: StreetNetwork): CityDrawing["bounds"] => {
  const [west, east] = extent(network.x)
  const [south, north] = extent(network.y)
  return [position(network, west, south), position(network, east, north)]
}
