import { Schema } from "effect"
import { defaultLimits } from "../../config/Limits.ts"
import type { AskedRow } from "../../persistence/shipments/OfferRepo.ts"
import { idField, intField, TimeField } from "../Field.ts"

/** Whom to ask, and for how long. Without `driver_ids` the nearest who have time. */
export const OfferInput = Schema.Struct({
  driver_ids: Schema.optionalKey(
    Schema.Array(idField("driver")).check(Schema.isMinLength(1), Schema.isMaxLength(defaultLimits.offerDriversMax))
  ),
  ttl_s: Schema.optionalKey(intField(defaultLimits.offerTtlSMin, defaultLimits.offerTtlSMax))
})

/** An open offer. */
export const Offer = Schema.Struct({
  id: idField("offer"),
  assignment_id: idField("assignment"),
  shipment_id: idField("shipment"),
  driver_id: Schema.NullOr(idField("driver")),
  status: Schema.String,
  fencing_token: Schema.Int,
  offered_at: Schema.NullOr(TimeField),
  expires_at: Schema.NullOr(TimeField)
}).annotate({ identifier: "Offer" })

/** Every open offer of a shipment. */
export const OpenOffers = Schema.Struct({ offers: Schema.Array(Offer) })

/** An offer of the database, as the API shows it. */
export const showOffer = (row: AskedRow): typeof Offer.Type => ({
  id: row.id,
  assignment_id: row.id,
  shipment_id: row.shipment_id,
  driver_id: row.driver_id,
  status: row.status,
  fencing_token: row.fencing_token,
  offered_at: row.offered_at,
  expires_at: row.expires_at
})
