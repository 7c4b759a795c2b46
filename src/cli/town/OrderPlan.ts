import type { NewOrder, Product } from "../../client/DeliveryRest.ts"
import type { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import { isInDeadZone, type StreetNetwork } from "../../domain/simulation/StreetNetwork.ts"
import type { ProofType } from "../../domain/TaskPayload.ts"
import type { SandboxToken } from "../../processors/SandboxProcessor.ts"
import { crossingAway } from "./CrossingAway.ts"
import type { Plot } from "./Plot.ts"
import { paymentTries } from "./Purse.ts"
import { orderBetween } from "./Shop.ts"

/** What a customer is going to do, decided before the first request, so that it depends on the seed alone. */
export interface OrderPlan {
  readonly request: NewOrder
  readonly plot: Plot
  /** The crossing that it is fetched from. */
  readonly pickup: number
  /** Without an account: the shop orders for them. */
  readonly isGuest: boolean
  /** Tried one after the other; undefined: paid at the door, and the shop confirms. */
  readonly pays: ReadonlyArray<SandboxToken> | undefined
  readonly isWatched: boolean
  /** Simulated seconds from the order until its customer tries to cancel it; undefined: they do not. */
  readonly cancelsAfterS: number | undefined
  /** Simulated seconds from the order until it is submitted, and from then until it is paid or confirmed. */
  readonly hesitatesS: number
}

const guestShare = 0.15
const draftShare = 0.15
const watchedShare = 0.2
const talkedAboutShare = 0.05
const cancelledShare = 0.12
/** Of 1; the rest needs none. */
const proofShares: ReadonlyArray<readonly [ReadonlyArray<ProofType>, number]> = [
  [["photo"], 0.2],
  [["signature"], 0.05],
  [["pin"], 0.05],
  [["barcode"], 0.05],
  [["photo", "barcode"], 0.05]
]
/** Of the drivers who are told a PIN. */
const misheardShare = 0.2
/** Mostly at once, where it still goes, and up to long after a delivery. */
const cancelsWithinS = 420
const hesitatesForS = [1, 20] as const
/** From door to door as the crow flies, metres. */
const [shortestM, longestM] = [150, 1_200]

const luckyProofs = (random: SeededRandom): ReadonlyArray<ProofType> => {
  let rest = random.next()
  const found = proofShares.find(([, share]) => {
    rest -= share
    return rest < 0
  })
  return found?.[0] ?? []
}

/** A crossing with network: where a driver waits for the desk, the desk must hear that they are there. */
const connectedCrossing = (network: StreetNetwork, random: SeededRandom): number => {
  const crossing = random.below(network.x.length)
  const isDead = isInDeadZone(network, network.x[crossing] ?? 0, network.y[crossing] ?? 0)
  return isDead ? connectedCrossing(network, random) : crossing
}

/** The next customer's plan; with a plot what it leaves open is as plain as can be. */
export const planOrder = (
  network: StreetNetwork,
  goods: ReadonlyArray<Product>,
  random: SeededRandom,
  given: Plot | undefined
): OrderPlan => {
  const pickup = given?.scene === undefined ? random.below(network.x.length) : connectedCrossing(network, random)
  const dropoff = crossingAway(network, pickup, random.between(shortestM, longestM), random)
  const request = orderBetween(network, [pickup, dropoff], goods, random)
  const luck: Plot = {
    proofs: luckyProofs(random),
    isPinMisheard: random.chance(misheardShare),
    isTalkedAbout: random.chance(talkedAboutShare),
    isGuest: random.chance(guestShare)
  }
  const tries = paymentTries(random)
  const [isWatched, isCancelled, isDraft] = [watchedShare, cancelledShare, draftShare].map((p) => random.chance(p))
  const cancelsAfterS = cancelsWithinS * random.next() ** 2
  const plot = given ?? luck
  const { proofs = [], isGuest = false, channel = request.channel, scene } = plot
  return {
    request: {
      ...request,
      channel,
      submit: scene?.at !== "draft" && (given !== undefined || isDraft !== true),
      ...(isGuest ? { contact: { name: "Guest of the shop" } } : {}),
      ...(proofs.length === 0 ? {} : { delivery_requirements: proofs }),
      ...(proofs.includes("barcode") ? { parcel_barcode: `DM${String(random.below(1e9)).padStart(9, "0")}` } : {})
    },
    plot,
    pickup,
    isGuest,
    pays: isGuest ? undefined : given === undefined ? tries : ["tok_ok"],
    // Who does not look has no PIN to tell.
    isWatched: isWatched === true || proofs.includes("pin"),
    cancelsAfterS: given === undefined && isCancelled === true ? cancelsAfterS : undefined,
    hesitatesS: random.between(...hesitatesForS)
  }
}
