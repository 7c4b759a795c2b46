import { type StreetNetwork, streetKinds } from "./StreetNetwork.ts"

const fastestMps = Math.max(...streetKinds.map((kind) => kind.speedMps))

/**
 * Quickest routes through a street network by A* (Hart, Nilsson and Raphael 1968); the straight line at the fastest street's
 * speed never overestimates. Keeps its arrays between calls: one planner serves a whole fleet.
 */
export class RoutePlanner {
  private readonly network: StreetNetwork
  private readonly costS: Float64Array
  private readonly cameBy: Int32Array
  private readonly cameFrom: Int32Array
  private readonly heap = new CrossingHeap()

  constructor(network: StreetNetwork) {
    this.network = network
    this.costS = new Float64Array(network.x.length)
    this.cameBy = new Int32Array(network.x.length)
    this.cameFrom = new Int32Array(network.x.length)
  }

  /** The streets to take, in order; empty when `from` is `to`. Undefined only when there is no way. */
  route(from: number, to: number): ReadonlyArray<number> | undefined {
    const { network, costS, cameBy, cameFrom, heap } = this
    costS.fill(Number.POSITIVE_INFINITY)
    cameBy.fill(-1)
    heap.clear()
    costS[from] = 0
    heap.push(from, this.atLeastS(from, to))
    for (let crossing = heap.pop(); crossing !== undefined; crossing = heap.pop()) {
      if (crossing === to) return this.streetsTo(from, to)
      const end = network.firstStreet[crossing + 1] as number
      for (let street = network.firstStreet[crossing] as number; street < end; street++) {
        const next = network.to[street] as number
        const viaS = (costS[crossing] as number) + this.streetS(street)
        if (viaS >= (costS[next] as number)) continue
        costS[next] = viaS
        cameBy[next] = street
        cameFrom[next] = crossing
        heap.push(next, viaS + this.atLeastS(next, to))
      }
    }
    return undefined
  }

  private streetS(street: number): number {
    const kind = streetKinds[this.network.kind[street] as number] ?? streetKinds[0]
    return (this.network.lengthM[street] as number) / kind.speedMps
  }

  private atLeastS(from: number, to: number): number {
    const { x, y } = this.network
    return Math.hypot((x[to] as number) - (x[from] as number), (y[to] as number) - (y[from] as number)) / fastestMps
  }

  private streetsTo(from: number, to: number): ReadonlyArray<number> {
    const streets: Array<number> = []
    for (let crossing = to; crossing !== from; crossing = this.cameFrom[crossing] as number) {
      streets.push(this.cameBy[crossing] as number)
    }
    return streets.reverse()
  }
}

/** A binary min-heap. A crossing may be in it more than once; the cheaper entry comes out first and the rest does nothing. */
class CrossingHeap {
  private readonly crossings: Array<number> = []
  private readonly keys: Array<number> = []

  clear(): void {
    this.crossings.length = 0
    this.keys.length = 0
  }

  push(crossing: number, key: number): void {
    let at = this.keys.length
    this.crossings.push(crossing)
    this.keys.push(key)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if ((this.keys[parent] as number) <= key) break
      this.swap(at, parent)
      at = parent
    }
  }

  pop(): number | undefined {
    const top = this.crossings[0]
    const last = this.keys.length - 1
    if (last > 0) this.swap(0, last)
    this.crossings.pop()
    this.keys.pop()
    for (let at = 0; ; ) {
      const left = 2 * at + 1
      if (left >= last) return top
      const right = left + 1
      const least = right < last && (this.keys[right] as number) < (this.keys[left] as number) ? right : left
      if ((this.keys[least] as number) >= (this.keys[at] as number)) return top
      this.swap(at, least)
      at = least
    }
  }

  private swap(a: number, b: number): void {
    const [crossing, key] = [this.crossings[a] as number, this.keys[a] as number]
    this.crossings[a] = this.crossings[b] as number
    this.keys[a] = this.keys[b] as number
    this.crossings[b] = crossing
    this.keys[b] = key
  }
}
