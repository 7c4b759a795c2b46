import type { Finding } from "../../fleet/Violation.ts"
import type { OrderFacts } from "../OrderFacts.ts"

const invariant = "no event is missing or there twice"

const fault = ({ shipment, timeline }: OrderFacts): string | undefined => {
  const odd = timeline.findIndex(({ sequence }, index) => sequence !== index + 1)
  if (odd >= 0) return `event ${odd + 1} has the number ${timeline[odd]?.sequence}`
  if (new Set(timeline.map(({ id }) => id)).size !== timeline.length) return "two events have one id"
  const told = shipment?.sequence ?? 0
  return told === timeline.length ? undefined : `${timeline.length} events, and the shipment counts ${told}`
}

/** Timelines that are not 1, 2, 3 to the number of their shipment. */
export const wholeTimelines = (orders: ReadonlyArray<OrderFacts>): ReadonlyArray<Finding> =>
  orders.flatMap((facts) => {
    const seen = fault(facts)
    return seen === undefined ? [] : [{ invariant, id: facts.shipment?.id ?? facts.order.id, seen }]
  })
