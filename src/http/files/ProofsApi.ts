import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { proofTypes } from "../../domain/TaskPayload.ts"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import { idempotencyHeader, idField, pageOf, pageQuery, TimeField } from "../Field.ts"
import { ReasonField } from "../orders/CommerceField.ts"

/** How a delivery was proved. A PIN's value is kept nowhere. */
export const Proof = Schema.Struct({
  id: idField("proof"),
  order_id: idField("order"),
  shipment_id: idField("shipment"),
  driver_id: Schema.NullOr(idField("driver")),
  type: Schema.String,
  status: Schema.Literals(["added", "pending", "missing"]),
  value: Schema.NullOr(Schema.String),
  sha256: Schema.NullOr(Schema.String),
  file_id: Schema.NullOr(idField("file")),
  captured_at: TimeField,
  added_at: Schema.NullOr(TimeField)
}).annotate({ identifier: "Proof" })

/** The list of one shipment's proofs. */
export const ProofList = Schema.Struct({
  data: Schema.Array(Proof),
  next_cursor: Schema.Null,
  has_more: Schema.Boolean
})

const id = { id: idField("shipment") }

/** Proofs of deliveries. */
export class ProofsApi extends HttpApiGroup.make("proofs")
  .add(
    HttpApiEndpoint.get("list", "/proofs", {
      query: { ...pageQuery, status: Schema.optionalKey(Schema.Literals(["added", "pending", "missing"])) },
      success: pageOf(Proof)
    })
      .annotate(Access, { permission: "shipments.read" })
      .annotate(OpenApi.Description, "The newest first. `missing`: announced long ago, and its file has not come."),
    HttpApiEndpoint.get("ofShipment", "/shipments/:id/proofs", { params: id, success: ProofList })
      .annotate(Access, { permission: "orders.use", knownTo: "orders.use" })
      .annotate(OpenApi.Description, "For staff, and for the customer whose delivery it is."),
    HttpApiEndpoint.post("waive", "/shipments/:id/waive-proof", {
      params: id,
      headers: idempotencyHeader,
      payload: Schema.Struct({ type: Schema.Literals(proofTypes), reason: Schema.optionalKey(ReasonField) }),
      success: ProofList
    })
      .annotate(Access, { permission: "shipments.write", knownTo: "shipments.read" })
      .annotate(OpenApi.Description, "The delivery does without this proof; the driver's devices are told.")
  )
  .middleware(Authenticated) {}
