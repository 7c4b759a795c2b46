import type { ShipmentEventEntry } from "../../../client/DeliveryRest.ts"
import type { PhoneProof, TaskReceipt } from "../../fleet/TaskReceipt.ts"
import type { Finding } from "../../fleet/Violation.ts"
import type { OrderFacts } from "../OrderFacts.ts"

const lostReport = "what a driver was told is done is in the timeline"
const lostProof = "no accepted proof is lost"

/** An offer that a driver was told is theirs. */
export interface Acceptance {
  readonly assignmentId: string
  readonly shipmentId: string
}

const isAbout = ({ type, data }: ShipmentEventEntry, { action, assignmentId }: TaskReceipt): boolean =>
  type === `shipment.${action}` && data.assignment_id === assignmentId

/** A proof may gain what the server found out, and lose nothing that was said of it but a PIN, which must not be there. */
const holds = (kept: unknown, given: PhoneProof): boolean => {
  if (typeof kept !== "object" || kept === null) return false
  const fields = new Map<string, unknown>(Object.entries(kept))
  if (given.type === "pin") return fields.get("type") === "pin" && fields.get("value") === undefined
  return Object.entries(given).every(([key, value]) => fields.get(key) === value)
}

/** `proof`, then `proofs`. */
const proofsIn = ({ proof, proofs }: Readonly<Record<string, unknown>>): ReadonlyArray<unknown> => [
  ...(proof === undefined ? [] : [proof]),
  ...(Array.isArray(proofs) ? proofs : [])
]

/** Offers whose driver was told that they have the shipment, and whose assignment is not there. */
export const keptAcceptances = (
  orders: ReadonlyArray<OrderFacts>,
  acceptances: ReadonlyArray<Acceptance>
): ReadonlyArray<Finding> => {
  const timelines = timelinesOf(orders)
  return acceptances.flatMap(({ shipmentId: id, assignmentId }) => {
    const isThere = timelines
      .get(id)
      ?.some(({ type, data }) => type === "shipment.assigned" && data.assignment_id === assignmentId)
    return isThere === false ? [{ invariant: lostReport, id, seen: `the acceptance of ${assignmentId}` }] : []
  })
}

const timelinesOf = (orders: ReadonlyArray<OrderFacts>): ReadonlyMap<string, OrderFacts["timeline"]> =>
  new Map(orders.flatMap(({ shipment, timeline }) => (shipment ? [[shipment.id, timeline]] : [])))

const finding = (receipt: TaskReceipt, event: ShipmentEventEntry | undefined): Finding | undefined => {
  const { shipmentId: id, action, assignmentId, proofs } = receipt
  if (event === undefined) return { invariant: lostReport, id, seen: `${action} of ${assignmentId}` }
  const kept = proofsIn(event.data)
  const odd = proofs.findIndex((given, index) => !holds(kept[index], given))
  if (odd < 0) return undefined
  return { invariant: lostProof, id, seen: `${JSON.stringify(proofs[odd])} was kept as ${JSON.stringify(kept[odd])}` }
}

/** Reports that were acknowledged to a driver and are not there, or without their proof. Those of other shipments are not judged. */
export const keptReports = (
  orders: ReadonlyArray<OrderFacts>,
  receipts: ReadonlyArray<TaskReceipt>
): ReadonlyArray<Finding> => {
  const timelines = timelinesOf(orders)
  return receipts.flatMap((receipt) => {
    const timeline = timelines.get(receipt.shipmentId)
    if (timeline === undefined) return []
    const found = finding(
      receipt,
      timeline.find((event) => isAbout(event, receipt))
    )
    return found === undefined ? [] : [found]
  })
}
