import { Effect } from "effect"
import type { ProofType } from "../../domain/TaskPayload.ts"
import { OrderRepo } from "../../persistence/orders/OrderRepo.ts"
import { ProofRepo } from "../../persistence/shipments/ProofRepo.ts"
import { type EventOrigin, ShipmentEventRepo } from "../../persistence/shipments/ShipmentEventRepo.ts"
import { ShipmentRepo } from "../../persistence/shipments/ShipmentRepo.ts"

/** Lets a delivery do without a proof that it required: a PIN that nobody can tell, say. In the caller's transaction. */
export const makeProofWaiver = Effect.gen(function* () {
  const orders = yield* OrderRepo
  const shipments = yield* ShipmentRepo
  const proofs = yield* ProofRepo
  const log = yield* ShipmentEventRepo

  return Effect.fn("ProofWaiver.waive")(function* (
    shipmentId: string,
    type: ProofType,
    reason: string | undefined,
    origin: EventOrigin
  ) {
    const orderId = yield* shipments.orderIdOf(shipmentId)
    yield* orders.lock(orderId)
    if (!(yield* proofs.waive(shipmentId, type))) return
    const data = { type, ...(reason === undefined ? {} : { reason }) }
    yield* log.append(orderId, [{ type: "proof.waived", data }], origin)
  })
})
