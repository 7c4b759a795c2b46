import { type IdKind, publicId } from "./Ids.ts"

const kindOfKey: Readonly<Record<string, IdKind>> = {
  order_id: "order",
  shipment_id: "shipment",
  assignment_id: "assignment",
  assignment_ids: "assignment",
  replaces: "assignment",
  driver_id: "driver",
  to_driver_id: "driver",
  stop_id: "stop",
  payment_id: "payment",
  refund_id: "refund",
  file_id: "file",
  proof_id: "proof",
  thread_id: "thread",
  message_id: "message"
}

const publicValue = (key: string, value: unknown): unknown => {
  if (Array.isArray(value)) return value.map((each) => publicValue(key, each))
  if (typeof value === "object" && value !== null) return publicEventData(value as Readonly<Record<string, unknown>>)
  const kind = kindOfKey[key]
  return kind !== undefined && typeof value === "string" ? publicId(kind, value) : value
}

/** The data of an event with its bare ids turned into the API's. */
export const publicEventData = (data: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(data).map(([key, value]) => [key, publicValue(key, value)]))
