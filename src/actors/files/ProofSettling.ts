import { Effect } from "effect"
import { publicId } from "../../domain/Ids.ts"
import type { ProofType } from "../../domain/TaskPayload.ts"
import { FileRepo, type FileRow } from "../../persistence/files/FileRepo.ts"
import { OrderRepo } from "../../persistence/orders/OrderRepo.ts"
import { ProofRepo } from "../../persistence/shipments/ProofRepo.ts"
import { type NewEvent, ShipmentEventRepo } from "../../persistence/shipments/ShipmentEventRepo.ts"

/** A proof that is whole. Ids are bare UUIDs. */
interface AddedProof {
  readonly id: string
  readonly type: ProofType
  readonly file_id: string | null
}

/** `proof.added`: what an order's log says of a proof. */
export const proofAdded = ({ id, type, file_id }: AddedProof): NewEvent => ({
  type: "proof.added",
  data: { proof_id: id, type, ...(file_id === null ? {} : { file_id }) }
})

/** Brings proofs and the files they wait for together, whichever comes first. In the caller's transaction. */
export const makeProofSettling = Effect.gen(function* () {
  const proofs = yield* ProofRepo
  const files = yield* FileRepo
  const orders = yield* OrderRepo
  const log = yield* ShipmentEventRepo

  /** A file that proves an order is its customer's personal data. */
  const claimFile = Effect.fnUntraced(function* (orderId: string, fileId: string) {
    const customerId = yield* orders.customerIdOf(orderId)
    if (customerId !== undefined) yield* files.setCustomer(fileId, customerId)
  })

  /** Adds every proof that waited for a file. The caller holds the file's hash, and may see what its uploader may not any more. */
  const settle = Effect.fnUntraced(function* (file: FileRow) {
    if (file.uploaded_by === null) return
    for (const proof of yield* proofs.pendingOf(file.sha256, file.uploaded_by)) {
      yield* proofs.add(proof.id, file.id)
      yield* Effect.catchTag(claimFile(proof.order_id, file.id), "RowAbsent", Effect.die)
      yield* log.append(proof.order_id, [proofAdded({ ...proof, file_id: file.id })], {
        actor: { kind: "driver", id: proof.driver_id ?? undefined },
        cause: `file ${publicId("file", file.id)}`,
        occurredAt: proof.captured_at
      })
    }
  })

  return { claimFile, settle }
})
