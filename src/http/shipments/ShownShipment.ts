import type { AssignmentRow, ShipmentRow } from "../../persistence/shipments/ShipmentRepo.ts"
import type { Assignment, Shipment } from "./ShipmentsApi.ts"

const showEta = (row: ShipmentRow): typeof Shipment.Type.eta => {
  const { estimated_arrival_at: p50_at, estimated_arrival_p90_at: p90_at, estimated_at: computed_at } = row
  return p50_at === null || p90_at === null || computed_at === null ? null : { p50_at, p90_at, computed_at }
}

/** A shipment as the API shows one. */
export const showShipment = ({ version, assignment, ...shipment }: ShipmentRow): typeof Shipment.Type => ({
  ...shipment,
  sequence: version,
  eta: showEta({ version, assignment, ...shipment }),
  assignment:
    assignment === null
      ? null
      : { ...assignment, shipment_id: shipment.id, assigned_at: new Date(assignment.assigned_at) }
})

/** An assignment as the API shows one. */
export const showAssignment = (assignment: AssignmentRow): typeof Assignment.Type => assignment
