import type { FeatureCollection, MultiLineString, MultiPolygon, Polygon, Position } from "geojson"
import {
  buildStreetNetwork,
  placeDegrees,
  type StreetNetwork,
  streetKinds
} from "../../../src/domain/simulation/StreetNetwork.ts"
import { type CityBlock, cityBlocks } from "./CityBlocks.ts"

/** The city that `demo` and `simulate` drive in unless they are told another seed. */
const demoSeed = 1
const riverHalfWidthM = 32
const riverStepM = 15
/** How far the river goes on beyond the outermost crossings. */
const riverBeyondM = 1_500

/** Where a street or more is missing between blocks there is a park, unless it is the river that they would have crossed. */
const parkBlocks = [1.6, 5] as const

/** A drawn city: what lies between the streets, one feature for each kind of street, and the river. */
export interface CityDrawing {
  readonly blocks: FeatureCollection<MultiPolygon, { readonly kind: "built" | "park" }>
  readonly streets: FeatureCollection<MultiLineString, { readonly kind: string }>
  readonly river: FeatureCollection<Polygon>
  /** Degrees: south-west and north-east corners. */
  readonly bounds: readonly [Position, Position]
}

/** The simulated city's own streets, computed as the simulation computes them: nothing is loaded from anywhere. */
export const cityDrawing = (): CityDrawing => {
  const network = buildStreetNetwork({ seed: demoSeed })
  return {
    blocks: blocksOf(network),
    streets: streetsOf(network),
    river: riverOf(network),
    bounds: boundsOf(network)
  }
}

const position = (network: StreetNetwork, x: number, y: number): Position => {
  const { lat, lng } = placeDegrees(network, x, y)
  return [lng, lat]
}

const crossingAt = (network: StreetNetwork, crossing: number): Position =>
  position(network, network.x[crossing] ?? 0, network.y[crossing] ?? 0)

const blocksOf = (network: StreetNetwork): CityDrawing["blocks"] => {
  const blocks = cityBlocks(network)
  const middleM2 = blocks.map(({ areaM2 }) => areaM2).sort((a, b) => a - b)[blocks.length >> 1] ?? 0
  const isNorth = (crossing: number): boolean => (network.y[crossing] ?? 0) > network.riverY(network.x[crossing] ?? 0)
  const isPark = ({ ring, areaM2 }: CityBlock): boolean =>
    areaM2 > parkBlocks[0] * middleM2 &&
    areaM2 < parkBlocks[1] * middleM2 &&
    ring.every((crossing) => isNorth(crossing) === isNorth(ring[0] ?? crossing))
  return {
    type: "FeatureCollection",
    features: (["built", "park"] as const).map((kind) => ({
      type: "Feature",
      properties: { kind },
      geometry: {
        type: "MultiPolygon",
        coordinates: blocks
          .filter((block) => isPark(block) === (kind === "park"))
          .map(({ ring }) => [[...ring, ...ring.slice(0, 1)].map((crossing) => crossingAt(network, crossing))])
      }
    }))
  }
}

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
