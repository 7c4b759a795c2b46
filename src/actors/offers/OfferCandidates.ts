import { Clock, Effect } from "effect"
import { Limits } from "../../config/Limits.ts"
import { boxAround } from "../../domain/GeoBox.ts"
import type { WantedOffer } from "../../domain/OfferDecision.ts"
import { newestAssignment, type ShipmentState } from "../../domain/ShipmentState.ts"
import { LocationRepo } from "../../persistence/drivers/LocationRepo.ts"
import { type DriverWork, OfferRepo } from "../../persistence/shipments/OfferRepo.ts"
import { ShipmentRepo } from "../../persistence/shipments/ShipmentRepo.ts"
import { DriverNotAssignable, TooManyOffers } from "../CommandRefused.ts"

/** Decides whom a shipment is offered to, in the caller's transaction. */
export const makeOfferCandidates = Effect.gen(function* () {
  const limits = yield* Limits
  const shipments = yield* ShipmentRepo
  const offers = yield* OfferRepo
  const locations = yield* LocationRepo

  /** Refuses an offer to whoever may not get it; until the caller's transaction ends nobody else offers these drivers anything. */
  const offerable = Effect.fnUntraced(function* (shipmentId: string, wanted: ReadonlyArray<WantedOffer>) {
    const driverIds = wanted.map((each) => each.driverId)
    const byId = new Map((yield* offers.holdWork(shipmentId, driverIds)).map((each) => [each.driver_id, each]))
    for (const [position, driverId] of driverIds.entries()) {
      const driver = byId.get(driverId)
      if (driver === undefined) return yield* new DriverNotAssignable({ driverId, reason: "unknown", position })
      if (driver.employment_status !== "active" && driver.employment_status !== "invited")
        return yield* new DriverNotAssignable({ driverId, reason: "suspended", position })
      if (driver.open_offers >= limits.openOffersPerDriverMax) return yield* new TooManyOffers({ driverId })
    }
  })

  // Where the parcel is: with the driver who had it last once it was picked up, else at its first stop.
  const parcelPlace = Effect.fnUntraced(function* (shipmentId: string, state: ShipmentState) {
    const holder = state.isPickedUp ? newestAssignment(state) : undefined
    const place = holder === undefined ? undefined : yield* locations.marker(holder.driverId)
    return place ?? (yield* shipments.stops(shipmentId))[0]
  })

  const hasTime = (driver: DriverWork | undefined): boolean =>
    driver !== undefined &&
    driver.duty === "on" &&
    driver.employment_status === "active" &&
    !driver.has_declined &&
    driver.carried < limits.offerCarriedMax &&
    driver.open_offers < limits.openOffersPerDriverMax

  /** The nearest drivers on duty who were heard lately, have time, and have not declined the shipment. */
  const nearest = Effect.fnUntraced(function* (shipmentId: string, state: ShipmentState) {
    const place = yield* parcelPlace(shipmentId, state)
    if (place === undefined) return []
    const near = yield* locations.near({
      lat: place.lat,
      lng: place.lng,
      radiusM: limits.offerRadiusM,
      box: boxAround(place.lat, place.lng, limits.offerRadiusM),
      recordedAfter: new Date((yield* Clock.currentTimeMillis) - limits.offerPositionMs),
      limit: limits.offerCandidatesMax
    })
    const inReach = near.flatMap((row) => (row.duty === "on" ? [row.driver_id] : []))
    const work = new Map((yield* offers.workOf(shipmentId, inReach)).map((each) => [each.driver_id, each]))
    return inReach.filter((driverId) => hasTime(work.get(driverId))).slice(0, limits.offerNearestMax)
  })

  return { offerable, nearest }
})
