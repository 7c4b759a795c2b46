import { isCarrying } from "../../../domain/Assignment.ts"
import type { Finding } from "../../fleet/Violation.ts"
import { type OrderFacts, statesAlong } from "../OrderFacts.ts"

const invariant = "a shipment has at most one active driver"

/** Shipments that two drivers had at once, now or at any moment of their timelines. */
export const singleDriver = (orders: ReadonlyArray<OrderFacts>): ReadonlyArray<Finding> =>
  orders.flatMap(({ order, shipment, timeline }) => {
    const states = statesAlong(timeline)
    const at = states.findIndex(
      (state) => (state?.assignments ?? []).filter((each) => isCarrying(each.status)).length > 1
    )
    return at < 0
      ? []
      : [{ invariant, id: shipment?.id ?? order.id, seen: `after event ${at + 1} of ${states.length}` }]
  })
