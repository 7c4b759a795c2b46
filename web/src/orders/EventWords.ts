import type { EventAnswer } from "./OrderView.ts"

const words: Readonly<Record<string, string>> = {
  "shipment.created": "Shipment made",
  "shipment.dispatching": "A driver is looked for",
  "shipment.offered": "Offered to drivers",
  "shipment.offer_declined": "Offer declined",
  "shipment.offer_expired": "Offer expired",
  "shipment.assigned": "Given to a driver",
  "shipment.unassigned": "Taken from the driver",
  "shipment.en_route_to_pickup": "On the way to the pickup",
  "shipment.at_pickup": "At the pickup",
  "shipment.picked_up": "Collected",
  "shipment.en_route": "On the way to the door",
  "shipment.arrived": "At the door",
  "shipment.delivered": "Delivered",
  "shipment.handed_off": "Handed on",
  "shipment.failed": "Not delivered",
  "shipment.retrying": "Another attempt",
  "shipment.rescheduled": "Another window promised",
  "shipment.returning": "On the way back",
  "shipment.return_assigned": "Another driver brings it back",
  "shipment.returned": "Back at the sender",
  "shipment.cancelled": "Cancelled",
  "eta.changed": "New estimate",
  "proof.added": "Proof added",
  "proof.waived": "Proof not required any more",
  "message.created": "Message",
  "payment.authorized": "Payment authorized",
  "payment.settled": "Payment settled",
  "payment.voided": "Payment voided",
  "payment.failed": "Payment failed",
  "payment.refunded": "Refunded"
}

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined)

/** What happened, and why or to whom, as far as it is known. */
export const wordsOfEvent = ({ type, data }: EventAnswer, names: ReadonlyMap<string, string>): string => {
  const driver = names.get(text(data.driver_id) ?? "")
  const what =
    type === "shipment.assigned" && driver !== undefined
      ? `Given to ${driver}`
      : (words[type] ?? type.replaceAll(/[._]/g, " "))
  const why = [text(data.reason_code)?.replaceAll("_", " "), text(data.reason), text(data.note)].filter(Boolean)
  return why.length === 0 ? what : `${what}: ${why.join(", ")}`
}

const kinds: Readonly<Record<string, string>> = {
  customer: "the customer",
  dispatcher: "a dispatcher",
  admin: "an administrator",
  system: "the system"
}

/** Who was behind it. */
export const actorWords = ({ actor }: EventAnswer, names: ReadonlyMap<string, string>): string =>
  actor.kind === "driver" ? (names.get(actor.id ?? "") ?? "the driver") : (kinds[actor.kind] ?? actor.kind)
