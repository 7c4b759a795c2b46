import type { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import { nearestCrossing, type StreetNetwork } from "../../domain/simulation/StreetNetwork.ts"

/** A crossing about so far from another (metres of the network), in any direction that stays within the city. */
export const crossingAway = (network: StreetNetwork, from: number, distanceM: number, random: SeededRandom): number => {
  const angle = random.between(0, 2 * Math.PI)
  const [x, y] = [network.x[from] ?? 0, network.y[from] ?? 0]
  const candidates = [0, 1, 2, 3].map((quarter) => {
    const direction = angle + (quarter * Math.PI) / 2
    const to = nearestCrossing(network, x + distanceM * Math.sin(direction), y + distanceM * Math.cos(direction))
    return { to, missM: Math.abs(Math.hypot((network.x[to] ?? 0) - x, (network.y[to] ?? 0) - y) - distanceM) }
  })
  return candidates.reduce((best, each) => (each.missM < best.missM && each.to !== from ? each : best)).to
}
