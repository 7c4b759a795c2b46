import type { Finding } from "../../fleet/Violation.ts"
import { type OrderFacts, statesAlong } from "../OrderFacts.ts"

const invariant = "a shipment's rows equal its folded events"

interface Compared {
  readonly what: string
  readonly row: unknown
  readonly folded: unknown
}

const compared = ({ shipment, timeline, stops }: OrderFacts): ReadonlyArray<Compared> => {
  if (shipment === undefined) return []
  const folded = statesAlong(timeline).at(-1)
  if (folded === undefined) return [{ what: "timeline", row: shipment.status, folded: "none" }]
  const { assignment } = shipment
  const part = folded.assignments.find(({ assignmentId }) => assignmentId === assignment?.id)
  return [
    { what: "status", row: shipment.status, folded: folded.status },
    { what: "sequence", row: shipment.sequence, folded: folded.version },
    { what: "is_picked_up", row: shipment.is_picked_up, folded: folded.isPickedUp },
    { what: "assignment", row: assignment?.status, folded: part?.status },
    { what: "driver", row: assignment?.driver_id ?? undefined, folded: part?.driverId },
    { what: "fencing_token", row: assignment?.fencing_token, folded: part?.fencingToken },
    ...folded.stops.map((stop) => ({
      what: `stop ${stop.position}`,
      row: stops.find(({ id }) => id === stop.stopId)?.status,
      folded: stop.status
    })),
    { what: "stops", row: stops.length, folded: folded.stops.length }
  ]
}

/** Shipments that say something else than the domain makes of their timelines. */
export const foldedRows = (orders: ReadonlyArray<OrderFacts>): ReadonlyArray<Finding> =>
  orders.flatMap((facts) =>
    compared(facts)
      .filter(({ row, folded }) => row !== folded)
      .map(({ what, row, folded }) => ({
        invariant,
        id: facts.shipment?.id ?? facts.order.id,
        seen: `${what}: the row says ${String(row)}, the events ${String(folded)}`
      }))
  )
