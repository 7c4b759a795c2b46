import { Schema } from "effect"
import { goodbyeFrame } from "./DriverFrames.ts"
import { field, frame, nilable } from "./FrameSchema.ts"
import { FleetClientFrame as Client, FleetServerFrame as Server } from "./FrameType.ts"
import * as shape from "./Shapes.ts"
import { takenResultFields } from "./TrackingFrames.ts"

const text = Schema.String
const headings = Schema.Array(Schema.NullOr(shape.headingCdeg))
const statuses = Schema.Array(Schema.Literals([0, 1, 2, 3, 4, 5]))
const handles = field("handles", Schema.Array(shape.count), "small numbers that stand for drivers within one epoch")
const at = field("at", shape.timeMs, "server time, Unix ms")

/** `/v1/fleet`, from a dispatcher. */
export const fleetClientFrames = [
  frame("SUBSCRIBE", Client.subscribe, "Begins or resumes the stream.", [
    field("version", Schema.Int, "protocol version, 1"),
    nilable("accessToken", text, "nil when the upgrade's header brought one"),
    nilable("view", shape.FleetFilter, "what is looked at"),
    nilable("epoch", text, "of the last SNAPSHOT, RESUMED or EVENT"),
    nilable("offset", shape.count, "of the last SNAPSHOT, RESUMED or EVENT")
  ]),
  frame("VIEW", Client.view, "Looks elsewhere; answered by GONE and POSITIONS for the difference.", [
    field("view", shape.FleetFilter, "what is looked at")
  ]),
  frame("AUTH", Client.auth, "Brings a fresh token.", [field("token", text, "access token")])
]

/** `/v1/fleet`, from the server. */
export const fleetServerFrames = [
  frame("SNAPSHOT", Server.snapshot, "Every driver of the view.", [
    field("epoch", text, "of the handles and offsets"),
    field("offset", shape.count, "where the events stand"),
    at,
    field(
      "drivers",
      Schema.Struct({
        handles: Schema.Array(shape.count),
        ids: Schema.Array(text),
        names: Schema.Array(text),
        latE7: Schema.Array(shape.latE7),
        lngE7: Schema.Array(shape.lngE7),
        headingCdeg: headings,
        status: statuses,
        recordedAt: Schema.Array(shape.timeMs)
      }),
      "columns of equal length"
    )
  ]),
  frame("POSITIONS", Server.positions, "What changed inside the view, once per interval.", [
    at,
    handles,
    field("latE7", Schema.Array(shape.latE7), "degrees x 10^7"),
    field("lngE7", Schema.Array(shape.lngE7), "degrees x 10^7"),
    field("headingCdeg", headings, "hundredths of a degree"),
    field("status", statuses, "0 offline, 1 available, 2 break, 3 assigned, 4 carrying, 5 connected"),
    field("ageMs", Schema.Array(shape.difference), "ms since each was recorded")
  ]),
  frame("GONE", Server.gone, "Left the view, went off duty, or has been silent.", [handles]),
  frame("EVENT", Server.event, "Something happened to an order or its shipment.", [
    field("offset", shape.count, "rising"),
    nilable("shipmentId", text, "the order's shipment; nil until it is confirmed"),
    field("type", text, "order.*, shipment.*, payment.* and others: EVENTS.md"),
    field("occurredAt", shape.timeMs, "Unix ms"),
    field("data", Schema.Record(Schema.String, Schema.Unknown), "by type"),
    field("orderId", text, "the order")
  ]),
  frame(
    "RESUMED",
    Server.resumed,
    "The stream goes on: its missed EVENTs follow, then DRIVERS and POSITIONS of the whole view.",
    [field("epoch", text, "as asked"), field("offset", shape.count, "as asked")]
  ),
  frame("DRIVERS", Server.drivers, "Introduces handles before their first use.", [
    handles,
    field("ids", Schema.Array(text), "driver ids"),
    field("names", Schema.Array(text), "driver names")
  ]),
  frame("RESULT", Server.result, "A frame could not be taken.", takenResultFields),
  goodbyeFrame
]
