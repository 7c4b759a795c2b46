import type { Product } from "../../client/DeliveryRest.ts"
import type { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import type { StreetNetwork } from "../../domain/simulation/StreetNetwork.ts"
import { pause } from "../fleet/ClientFleet.ts"
import type { Customer } from "./Customer.ts"
import { liveThrough } from "./CustomerLife.ts"
import { planOrder } from "./OrderPlan.ts"
import type { PlotDeck } from "./PlotDeck.ts"
import type { Scenes } from "./Scenes.ts"
import type { TownClock } from "./TownClock.ts"
import type { TownLedger } from "./TownLedger.ts"
import type { Watching } from "./Watching.ts"

export interface CustomersInput {
  readonly network: StreetNetwork
  readonly goods: ReadonlyArray<Product>
  /** Those who have an account; each orders many times. */
  readonly customers: ReadonlyArray<Customer>
  /** Orders for guests, and confirms. */
  readonly shop: Customer
  /** Real minutes, as the fleet's size is real. */
  readonly ordersPerMinute: number
  readonly random: SeededRandom
  readonly clock: TownClock
  readonly ledger: TownLedger
  readonly watching: Watching
  readonly deck: PlotDeck
  readonly scenes: Scenes
  /** Closes the pages. */
  readonly pages: AbortSignal
}

/** Orders come at random moments, so many a minute on average, until `isClosing` says so; each goes on by itself. */
export const keepOrdering = async (
  input: CustomersInput,
  isClosing: () => boolean,
  signal: AbortSignal
): Promise<void> => {
  const { network, goods, customers, shop, clock, ledger, watching, deck, scenes, pages } = input
  const lives = new Set<Promise<void>>()
  // One source for when, one for each order: neither how fast the machine is nor a missed plot changes what others want.
  const [moments, wishes] = [input.random.fork(1), input.random.fork(2)]
  const beganAt = clock.monotonicMs
  for (let dueMs = 0, count = 0; !isClosing(); count++) {
    dueMs -= (Math.log(1 - moments.next()) * 60_000) / input.ordersPerMinute
    await pause(Math.max(0, beganAt + dueMs - clock.monotonicMs), signal)
    const wish = wishes.fork(count)
    const plan = planOrder(network, goods, wish, deck.next())
    const customer = plan.isGuest ? shop : (customers[wish.below(customers.length)] ?? shop)
    ledger.unfinished++
    const life = liveThrough(plan, { customer, shop: shop.orders, clock, ledger, watching, scenes, pages, signal })
      .catch((cause: unknown) => {
        if (!signal.aborted) ledger.findings.push(unexpected(cause))
      })
      .finally(() => {
        ledger.unfinished--
        lives.delete(life)
      })
    lives.add(life)
  }
  await Promise.all(lives)
}

const unexpected = (cause: unknown) => ({
  invariant: "no honest request is refused",
  id: "a customer",
  seen: cause instanceof Error ? cause.message : String(cause)
})
