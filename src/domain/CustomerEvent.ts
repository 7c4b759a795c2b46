// Which events a customer's timeline shows, and what of their data; all else is hidden. A dispatcher's own words (`reason`, `note`)
// are not for customers.
const shownData: Readonly<Record<string, ReadonlyArray<string>>> = {
  "order.submitted": [],
  "order.confirmed": [],
  "order.fulfilled": [],
  "order.cancelled": [],
  "shipment.created": [],
  "shipment.assigned": [],
  "shipment.unassigned": [],
  "shipment.picked_up": [],
  "shipment.en_route": [],
  "shipment.arrived": [],
  "shipment.delivered": [],
  "shipment.failed": ["reason_code"],
  "shipment.retrying": [],
  "shipment.returning": [],
  "shipment.returned": [],
  "shipment.cancelled": [],
  "shipment.rescheduled": ["window_start", "window_end"],
  "eta.changed": ["p50_at", "p90_at", "computed_at", "source"],
  "proof.added": ["type"],
  "message.created": ["author_role"]
}

/** Types that customers are shown. A driver's way to the pickup, who was asked, and a hand-off between drivers are
 * the fleet's own business. */
export const customerEventTypes: ReadonlySet<string> = new Set(Object.keys(shownData))

/** An event as a customer sees it: `timeline[]` and EVENT. Times are Unix milliseconds. */
export interface CustomerEvent {
  readonly offset: number
  readonly type: string
  readonly occurred_at: number
  readonly data: Readonly<Record<string, unknown>>
}

/** What a customer sees of an event; undefined for one that is hidden. Keys of its data are let through by name, never by default. */
export const customerEvent = (event: {
  readonly offset: number
  readonly type: string
  readonly occurredAtMs: number
  readonly data: Readonly<Record<string, unknown>>
}): CustomerEvent | undefined => {
  const keys = shownData[event.type]
  if (keys === undefined || !customerEventTypes.has(event.type)) return undefined
  const data = Object.fromEntries(
    keys.filter((key) => event.data[key] !== undefined).map((key) => [key, event.data[key]])
  )
  return { offset: event.offset, type: event.type, occurred_at: event.occurredAtMs, data }
}
