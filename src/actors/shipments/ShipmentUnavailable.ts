import { Schema } from "effect"

/**
 * A shipment's actor did not take a command in time: too many wait (`busy`), it crashed again and again (`parked`), it did not
 * answer (`silent`), or no node has it at this moment (`moving`). Whether the command was carried out is unknown for `silent` only.
 * Retry: later, under the same key.
 */
export class ShipmentUnavailable extends Schema.TaggedError<ShipmentUnavailable>()("ShipmentUnavailable", {
  shipmentId: Schema.String,
  reason: Schema.Literals(["busy", "parked", "silent", "moving", "crashed"]),
  retryAfterMs: Schema.Int
}) {}
