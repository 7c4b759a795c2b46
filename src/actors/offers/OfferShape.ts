import { distanceM } from "../../domain/Geo.ts"
import { publicId } from "../../domain/Ids.ts"
import type { OfferRow } from "../../persistence/shipments/DriverOffers.ts"
import type { TaskStopJson } from "../../persistence/shipments/TaskRepo.ts"
import { stopShape } from "../tasks/TaskShape.ts"

// As the crow flies, from stop to stop.
const wayM = (stops: ReadonlyArray<TaskStopJson>): number =>
  stops.reduce((sum, stop, index) => {
    const before = stops[index - 1]
    if (before === undefined) return sum
    const [aLat, aLng, bLat, bLng] = [before.lat, before.lng, stop.lat, stop.lng].map((degrees) => degrees * 1e7)
    return sum + distanceM(aLat ?? 0, aLng ?? 0, bLat ?? 0, bLng ?? 0)
  }, 0)

/** What an OFFER frame says (02-protocol, section 5). `expiresAt` is in Unix milliseconds by the server's clock. */
export const offerShape = (row: OfferRow) => ({
  offerId: publicId("offer", row.assignment_id),
  assignmentId: publicId("assignment", row.assignment_id),
  shipment: {
    shipment_id: publicId("shipment", row.shipment_id),
    order_ref: row.external_id ?? publicId("order", row.order_id),
    stops: row.stops.map(stopShape),
    distance_m: Math.round(wayM(row.stops)),
    ...(row.notes === null ? {} : { notes: row.notes })
  },
  fencingToken: row.fencing_token,
  expiresAt: row.expires_at
})

/** One of them. */
export type Offer = ReturnType<typeof offerShape>
