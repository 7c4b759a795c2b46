import { expect, it } from "vitest"
import { planOrder } from "../../../src/cli/town/OrderPlan.ts"
import { setPieces } from "../../../src/cli/town/Plot.ts"
import type { Product } from "../../../src/client/DeliveryRest.ts"
import { SeededRandom } from "../../../src/domain/simulation/SeededRandom.ts"
import { buildStreetNetwork, isInDeadZone } from "../../../src/domain/simulation/StreetNetwork.ts"

/** In this city an order whose driver was to be stopped at the pickup was once placed in the middle of a dead zone. */
const seed = 688_976_428

it("what the desk decides about a driver happens where the desk hears of the driver, and not in a dead zone", () => {
  const network = buildStreetNetwork({ seed, scale: 1 / 20 })
  const goods: ReadonlyArray<Product> = [
    { id: "prd_1", name: "Apple", price: { amount: 100, currency: "EUR" }, stock: 1 }
  ]
  const random = new SeededRandom(seed)
  const isDead = (crossing: number): boolean =>
    isInDeadZone(network, network.x[crossing] ?? 0, network.y[crossing] ?? 0)
  const pickups = (plot: (typeof setPieces)[number] | undefined) =>
    Array.from({ length: 300 }, () => planOrder(network, goods, random, plot).pickup)
  for (const plot of setPieces.filter(({ scene }) => scene !== undefined))
    expect(pickups(plot).filter(isDead)).toEqual([])
  expect(pickups(undefined).filter(isDead).length).toBeGreaterThan(0)
})
