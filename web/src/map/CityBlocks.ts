import type { StreetNetwork } from "../../../src/domain/simulation/StreetNetwork.ts"

/** Ground that streets enclose. */
export interface CityBlock {
  /** Crossings round it, anticlockwise. */
  readonly ring: ReadonlyArray<number>
  readonly areaM2: number
}

/** What the streets of a city enclose: from each street, the next one to the left, until the way is closed. */
export const cityBlocks = (network: StreetNetwork): ReadonlyArray<CityBlock> => {
  const around = neighboursByAngle(network)
  const crossings = network.x.length
  const walked = new Set<number>()
  const blocks: Array<CityBlock> = []
  for (const [start, neighbours] of around.entries()) {
    for (const first of neighbours) {
      if (walked.has(start * crossings + first)) continue
      const ring: Array<number> = []
      let [from, to] = [start, first]
      while (!walked.has(from * crossings + to)) {
        walked.add(from * crossings + to)
        ring.push(from)
        ;[from, to] = [to, leftOf(around[to] ?? [], from)]
      }
      const areaM2 = signedAreaM2(network, ring)
      // The way round the whole city is walked clockwise.
      if (areaM2 > 0) blocks.push({ ring, areaM2 })
    }
  }
  return blocks
}

/** Crossings that a street connects with each crossing, in either direction, anticlockwise from the east. */
const neighboursByAngle = (network: StreetNetwork): ReadonlyArray<ReadonlyArray<number>> => {
  const { x, y, firstStreet, to } = network
  const around = Array.from(x, () => new Set<number>())
  for (let from = 0; from < x.length; from++) {
    for (const end of to.subarray(firstStreet[from], firstStreet[from + 1])) {
      around[from]?.add(end)
      around[end]?.add(from)
    }
  }
  return around.map((set, from) => {
    const angle = (end: number): number => Math.atan2((y[end] ?? 0) - (y[from] ?? 0), (x[end] ?? 0) - (x[from] ?? 0))
    return [...set].sort((a, b) => angle(a) - angle(b))
  })
}

/** Where to go on from a crossing so that the block stays on the left: the neighbour that comes before `from`. */
const leftOf = (neighbours: ReadonlyArray<number>, from: number): number =>
  neighbours.at(neighbours.indexOf(from) - 1) ?? from

const signedAreaM2 = ({ x, y }: StreetNetwork, ring: ReadonlyArray<number>): number => {
  let twice = 0
  for (const [i, a] of ring.entries()) {
    const b = ring[(i + 1) % ring.length] ?? a
    twice += (x[a] ?? 0) * (y[b] ?? 0) - (x[b] ?? 0) * (y[a] ?? 0)
  }
  return twice / 2
}
