import type { DeliveryProof } from "../../../client/DeliveryRest.ts"
import type { PhoneProof, TaskReceipt } from "../../fleet/TaskReceipt.ts"
import type { Finding } from "../../fleet/Violation.ts"
import type { OrderFacts } from "../OrderFacts.ts"

const invariant = "no accepted proof is lost"
const secret = "a delivery's PIN is kept nowhere"

/** Whether a row is this proof: a file is its hash, a PIN only that there was one, all else its words. */
const isIt = (given: PhoneProof, { type, sha256, value }: DeliveryProof): boolean => {
  if (type !== given.type) return false
  if (type === "photo" || type === "signature") return sha256 === given.sha256
  return type === "pin" || value === given.value
}

const fault = (
  { proofs, fileHashes }: OrderFacts,
  given: PhoneProof,
  stored: ReadonlySet<unknown>
): string | undefined => {
  const found = proofs.filter((proof) => isIt(given, proof))
  const [proof] = found
  const name = `${String(given.type)} ${String(given.sha256 ?? given.value)}`
  if (proof === undefined) return `the ${name} is not among the proofs`
  if (found.length > 1) return `the ${name} is there ${found.length} times`
  if (given.sha256 === undefined) return proof.status === "added" ? undefined : `the ${name} is ${proof.status}`
  if (!stored.has(given.sha256)) return undefined
  if (proof.status !== "added" || proof.file_id === null)
    return `the ${name} was uploaded, and its proof is ${proof.status}`
  const hash = fileHashes.get(proof.file_id)
  return hash === given.sha256 ? undefined : `the ${name} is a file with the hash ${hash}`
}

/**
 * Deliveries whose proofs were accepted and are not there, or whose pictures were stored and are not what was taken. `stored` holds the
 * hashes of pictures whose upload was answered to be whole.
 */
export const keptProofs = (
  orders: ReadonlyArray<OrderFacts>,
  receipts: ReadonlyArray<TaskReceipt>,
  stored: ReadonlySet<unknown>
): ReadonlyArray<Finding> => {
  const byShipment = new Map(orders.map((facts) => [facts.shipment?.id, facts]))
  return receipts.flatMap(({ shipmentId: id, proofs }) => {
    const facts = byShipment.get(id)
    if (facts === undefined) return []
    const told = facts.proofs.filter(({ type, value }) => type === "pin" && value !== null)
    return [
      ...proofs.flatMap((given) => {
        const seen = fault(facts, given, stored)
        return seen === undefined ? [] : [{ invariant, id, seen }]
      }),
      ...told.map(() => ({ invariant: secret, id, seen: "a proof shows it" }))
    ]
  })
}
