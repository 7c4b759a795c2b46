import type { OfferEnd } from "../../persistence/shipments/DriverOffers.ts"
import type { DeviceIntake } from "../drivers/DeviceIntake.ts"
import type { Offer } from "./OfferShape.ts"

/** What a driver's phones are told of offers. */
export interface OfferList {
  readonly open: ReadonlyArray<Offer>
  /** Those that ended lately, by offer id, and how. */
  readonly ended: ReadonlyMap<string, OfferEnd>
}

/** Which open offers each connected device was told of, so that it hears of each once, and of its end. */
export class ToldOffers {
  // Nothing for a device that has no offer, which is nearly every one.
  private readonly byDevice = new WeakMap<DeviceIntake, Set<string>>()

  /** Tells a device that was just welcomed of every open offer, and how those ended that it may still show. */
  introduce(device: DeviceIntake, list: OfferList): void {
    for (const [offerId, reason] of list.ended) if (reason !== "accepted") device.offerGone(offerId, reason)
    this.tell(device, list)
  }

  /** Tells a device what it does not know. */
  tell(device: DeviceIntake, { open, ended }: OfferList): void {
    const known = this.byDevice.get(device)
    if (known === undefined && open.length === 0) return
    const isOpen = new Set(open.map((offer) => offer.offerId))
    for (const offerId of known ?? [])
      if (!isOpen.has(offerId)) device.offerGone(offerId, ended.get(offerId) ?? "expired")
    for (const offer of open) if (known === undefined || !known.has(offer.offerId)) device.offer(offer)
    if (isOpen.size === 0) this.byDevice.delete(device)
    else this.byDevice.set(device, isOpen)
  }
}
