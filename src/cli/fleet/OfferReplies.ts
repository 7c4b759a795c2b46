import type { DriverClient } from "../../client/DriverClient.ts"
import type { Offer } from "../../client/DriverEvents.ts"
import type { SeededRandom } from "../../domain/simulation/SeededRandom.ts"
import type { DriverHabits } from "./DriverHabits.ts"

/** What became of an offer that a driver answered. */
export type OfferVerdict = "accepted" | "declined" | "refused"

/** Hears it, with the assignment's id as the API shows it. */
export type OfferListener = (assignmentId: string, shipmentId: string, verdict: OfferVerdict) => void

/** An offer that is being thought about. */
interface OpenOffer {
  readonly offer: Offer
  readonly isAccepted: boolean
  /** Simulated seconds until the answer. */
  waitS: number
}

/** The seconds that a driver takes to look at the phone. */
const thinksForS = [2, 25] as const

/** One simulated driver's answers to offers: yes, no, or none at all. */
export class OfferReplies {
  private readonly client: DriverClient
  private readonly habits: DriverHabits
  private readonly random: SeededRandom
  private readonly open = new Map<string, OpenOffer>()
  private readonly listeners = new Set<OfferListener>()

  constructor(client: DriverClient, habits: DriverHabits, random: SeededRandom) {
    this.client = client
    this.habits = habits
    this.random = random
    client.on("offer", (offer) => this.take(offer))
    client.on("offerGone", ({ offerId }) => this.open.delete(offerId))
  }

  listen(listener: OfferListener): void {
    this.listeners.add(listener)
  }

  /** Lives for `spanS` seconds. */
  live(spanS: number): void {
    for (const open of this.open.values()) {
      open.waitS -= spanS
      if (open.waitS <= 0) this.answer(open)
    }
  }

  private take(offer: Offer): void {
    const { ignores, declines } = this.habits
    const mood = this.random.next()
    const waitS = this.random.between(...thinksForS)
    if (mood >= ignores) this.open.set(offer.offerId, { offer, isAccepted: mood >= ignores + declines, waitS })
  }

  private answer({ offer, isAccepted }: OpenOffer): void {
    const { offerId, assignmentId, fencingToken, shipment } = offer
    this.open.delete(offerId)
    this.client.answerOffer(offerId, fencingToken, isAccepted, isAccepted ? null : "too far").then(
      ({ ok }) => {
        const verdict = ok ? (isAccepted ? "accepted" : "declined") : "refused"
        for (const listener of this.listeners) listener(assignmentId, String(shipment.shipment_id), verdict)
      },
      // Fails only when the client stops for good, which the fleet's watch reports.
      () => undefined
    )
  }
}
