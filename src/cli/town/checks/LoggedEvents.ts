import type { LoggedEvent } from "../../../client/DeliveryRest.ts"
import type { Finding } from "../../fleet/Violation.ts"
import type { OrderFacts } from "../OrderFacts.ts"

const invariant = "the public log tells each event once, and each order's in order"

const fault = ({ timeline }: OrderFacts, logged: ReadonlyArray<LoggedEvent>): string | undefined => {
  const odd = logged.findIndex(({ sequence }, index) => sequence !== index + 1)
  if (odd >= 0) return `event ${odd + 1} of the order has the number ${logged[odd]?.sequence}`
  const ofShipment = logged.filter(({ shipment_sequence }) => shipment_sequence !== null)
  const other = ofShipment.findIndex(({ id }, index) => id !== timeline[index]?.id)
  if (other >= 0)
    return `event ${other + 1} of the shipment is ${ofShipment[other]?.id}, in its timeline ${timeline[other]?.id}`
  const missing = timeline.length - ofShipment.length
  return missing === 0 ? undefined : `${missing} events of the timeline are not in the log`
}

/** Orders whose events are not in the log as they happened. `log` must begin before the first of these orders. */
export const loggedEvents = (
  orders: ReadonlyArray<OrderFacts>,
  log: ReadonlyArray<LoggedEvent>
): ReadonlyArray<Finding> => {
  const byOrder = new Map<string, Array<LoggedEvent>>()
  for (const event of log) {
    const known = byOrder.get(event.order_id)
    if (known === undefined) byOrder.set(event.order_id, [event])
    else known.push(event)
  }
  return orders.flatMap((facts) => {
    const seen = fault(facts, byOrder.get(facts.order.id) ?? [])
    return seen === undefined ? [] : [{ invariant, id: facts.order.id, seen }]
  })
}
