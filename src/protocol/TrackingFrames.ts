import { Schema } from "effect"
import { goodbyeFrame } from "./DriverFrames.ts"
import { field, frame, nilable } from "./FrameSchema.ts"
import { TrackingClientFrame as Client, TrackingServerFrame as Server } from "./FrameType.ts"
import * as shape from "./Shapes.ts"

const text = Schema.String

/** RESULT of tracking and fleet: a frame that could not be taken. */
export const takenResultFields = [
  nilable("commandId", text, "nil: these endpoints have no commands"),
  field("ok", Schema.Boolean, "false"),
  field("detail", shape.ResultDetail, "{code, detail}")
]

/** `/v1/track`, from the customer. */
export const trackingClientFrames = [
  frame("SUBSCRIBE", Client.subscribe, "Begins or resumes the stream.", [
    field("version", Schema.Int, "protocol version, 1"),
    nilable("trackingToken", text, "nil when the upgrade's header brought one"),
    nilable("epoch", text, "of the last SNAPSHOT, RESUMED or EVENT"),
    nilable("offset", shape.count, "of the last SNAPSHOT, RESUMED or EVENT"),
    nilable("minIntervalMs", shape.count, "ms between positions: 1000 by default, least 200")
  ]),
  frame("AUTH", Client.auth, "Brings the token of a renewed session.", [field("trackingToken", text, "tracking token")])
]

/** `/v1/track`, from the server. */
export const trackingServerFrames = [
  frame("SNAPSHOT", Server.snapshot, "Everything that may be seen, valid at the offset.", [
    field("epoch", text, "changes only if the event log is rebuilt"),
    field("offset", shape.count, "the order's event number"),
    field("state", shape.TrackingState, "what may be seen")
  ]),
  frame("RESUMED", Server.resumed, "The stream goes on: every missed EVENT follows in order.", [
    field("epoch", text, "as asked"),
    field("offset", shape.count, "as asked")
  ]),
  frame("POSITION", Server.position, "Where the driver is; conflated to the newest.", [
    field("recordedAt", shape.timeMs, "Unix ms"),
    field("latE7", shape.latE7, "degrees x 10^7"),
    field("lngE7", shape.lngE7, "degrees x 10^7"),
    nilable("speedCms", shape.speedCms, "cm/s"),
    nilable("headingCdeg", shape.headingCdeg, "hundredths of a degree")
  ]),
  frame("EVENT", Server.event, "Something happened; never left out.", [
    field("offset", shape.count, "rising, not consecutive"),
    field("type", text, "order.*, shipment.*, eta.changed, message.created, proof.added"),
    field("occurredAt", shape.timeMs, "Unix ms"),
    field("data", Schema.Record(Schema.String, Schema.Unknown), "by type")
  ]),
  frame("ETA", Server.eta, "When the driver is expected.", [
    field("p50At", shape.timeMs, "as likely earlier as later, Unix ms"),
    field("p90At", shape.timeMs, "nine times of ten earlier, Unix ms"),
    nilable("remainingM", shape.count, "metres of way left; nil by schedule, and while other stops lie between"),
    nilable("stopsAhead", shape.count, "stops before this one; nil by schedule")
  ]),
  frame("STAGE", Server.stage, "How far the delivery is.", [field("stage", shape.stage, "the stage")]),
  frame("RESULT", Server.result, "A frame could not be taken.", takenResultFields),
  goodbyeFrame
]
