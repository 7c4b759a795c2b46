import type { TaskReceipt } from "../../fleet/TaskReceipt.ts"
import type { Finding } from "../../fleet/Violation.ts"
import type { OrderFacts } from "../OrderFacts.ts"

const invariant = "no accepted proof is lost"

const fault = ({ proofs }: OrderFacts, sha256: unknown, stored: ReadonlySet<unknown>): string | undefined => {
  const proof = proofs.find((each) => each.type === "photo" && each.sha256 === sha256)
  if (proof === undefined) return `the photo ${String(sha256)} is not among the proofs`
  if (!stored.has(sha256)) return undefined
  return proof.status === "added" && proof.file_id !== null
    ? undefined
    : `the photo ${String(sha256)} was uploaded, and its proof is ${proof.status}`
}

/** Deliveries whose photo was accepted and is not there, or was stored and is not their proof. `stored` holds the photos' hashes. */
export const keptPhotos = (
  orders: ReadonlyArray<OrderFacts>,
  receipts: ReadonlyArray<TaskReceipt>,
  stored: ReadonlySet<unknown>
): ReadonlyArray<Finding> => {
  const byShipment = new Map(orders.map((facts) => [facts.shipment?.id, facts]))
  return receipts.flatMap(({ shipmentId: id, proof }) => {
    const facts = byShipment.get(id)
    if (facts === undefined || proof?.type !== "photo") return []
    const seen = fault(facts, proof.sha256, stored)
    return seen === undefined ? [] : [{ invariant, id, seen }]
  })
}
