import type { NewOrder, Product } from "../../client/DeliveryRest.ts"
import type { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import type { StreetNetwork } from "../../domain/simulation/StreetNetwork.ts"
import type { SandboxToken } from "../../processors/SandboxProcessor.ts"
import { crossingAway } from "./CrossingAway.ts"
import { paymentTries } from "./Purse.ts"
import { orderBetween } from "./Shop.ts"

/** What a customer is going to do, decided before the first request, so that it depends on the seed alone. */
export interface OrderPlan {
  readonly request: NewOrder
  /** The crossing that it is fetched from. */
  readonly pickup: number
  /** Without an account: the shop orders for them. */
  readonly isGuest: boolean
  /** Tried one after the other; undefined: paid at the door, and the shop confirms. */
  readonly pays: ReadonlyArray<SandboxToken> | undefined
  readonly isWatched: boolean
  /** Simulated seconds from the order until its customer tries to cancel it; undefined: they do not. */
  readonly cancelsAfterS: number | undefined
  /** Simulated seconds from the order until it is paid or confirmed. */
  readonly hesitatesS: number
}

const guestShare = 0.15
const watchedShare = 0.2
const photoShare = 0.25
const cancelledShare = 0.12
/** Mostly at once, where it still goes, and up to long after a delivery. */
const cancelsWithinS = 420
const hesitatesForS = [1, 20] as const
/** From door to door as the crow flies, metres. */
const [shortestM, longestM] = [150, 1_200]

/** The next customer's plan. */
export const planOrder = (network: StreetNetwork, goods: ReadonlyArray<Product>, random: SeededRandom): OrderPlan => {
  const pickup = random.below(network.x.length)
  const dropoff = crossingAway(network, pickup, random.between(shortestM, longestM), random)
  const isGuest = random.chance(guestShare)
  const request = orderBetween(network, [pickup, dropoff], goods, random)
  const tries = paymentTries(random)
  return {
    request: {
      ...request,
      ...(isGuest ? { contact: { name: "Guest of the shop" } } : {}),
      ...(random.chance(photoShare) ? { delivery_requirements: ["photo"] } : {})
    },
    pickup,
    isGuest,
    pays: isGuest ? undefined : tries,
    isWatched: random.chance(watchedShare),
    cancelsAfterS: random.chance(cancelledShare) ? cancelsWithinS * random.next() ** 2 : undefined,
    hesitatesS: random.between(...hesitatesForS)
  }
}
