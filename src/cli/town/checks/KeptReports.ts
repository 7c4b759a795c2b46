import type { ShipmentEventEntry } from "../../../client/DeliveryRest.ts"
import type { TaskReceipt } from "../../fleet/TaskReceipt.ts"
import type { Finding } from "../../fleet/Violation.ts"
import type { OrderFacts } from "../OrderFacts.ts"

const lostReport = "what a driver was told is done is in the timeline"
const lostProof = "no accepted proof is lost"

const isAbout = ({ type, data }: ShipmentEventEntry, { action, assignmentId }: TaskReceipt): boolean =>
  type === `shipment.${action}` && data.assignment_id === assignmentId

/** A proof may gain what the server found out, and lose nothing that was said of it. */
const holds = (kept: unknown, given: Readonly<Record<string, unknown>>): boolean => {
  if (typeof kept !== "object" || kept === null) return false
  const fields = new Map(Object.entries(kept))
  return Object.entries(given).every(([key, value]) => fields.get(key) === value)
}

const finding = (receipt: TaskReceipt, event: ShipmentEventEntry | undefined): Finding | undefined => {
  const { shipmentId: id, action, assignmentId, proof } = receipt
  if (event === undefined) return { invariant: lostReport, id, seen: `${action} of ${assignmentId}` }
  if (proof === undefined || holds(event.data.proof, proof)) return undefined
  return { invariant: lostProof, id, seen: `${JSON.stringify(proof)} was kept as ${JSON.stringify(event.data.proof)}` }
}

/** Reports that were acknowledged to a driver and are not there, or without their proof. Those of other shipments are not judged. */
export const keptReports = (
  orders: ReadonlyArray<OrderFacts>,
  receipts: ReadonlyArray<TaskReceipt>
): ReadonlyArray<Finding> => {
  const timelines = new Map(orders.flatMap(({ shipment, timeline }) => (shipment ? [[shipment.id, timeline]] : [])))
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
