import { Schema } from "effect"
import { field, frame, nilable } from "./FrameSchema.ts"
import { DriverClientFrame as Client, DriverServerFrame as Server } from "./FrameType.ts"
import * as shape from "./Shapes.ts"

const text = Schema.String
const anyMap = Schema.Record(Schema.String, Schema.Unknown)

const place = [
  field("recordedAt", shape.timeMs, "when the phone took the fix, Unix ms"),
  field("latE7", shape.latE7, "latitude, degrees x 10^7"),
  field("lngE7", shape.lngE7, "longitude, degrees x 10^7"),
  nilable("speedCms", shape.speedCms, "cm/s"),
  nilable("headingCdeg", shape.headingCdeg, "hundredths of a degree from true north"),
  nilable("accuracyCm", shape.accuracyCm, "68 % radius, cm")
]
const shared = [
  nilable("battery", shape.battery, "per cent"),
  nilable("source", shape.source, "0 gps, 1 fused, 2 network, 3 manual, 4 mock; nil counts as gps")
]
const entries = "; entries may be nil"
const token = field("token", text, "access token")
const goodbye = [
  field("code", Schema.Int, "close code"),
  field("reason", text, "its name"),
  field("retryAfterMs", shape.count, "ms to wait before coming back")
]

/** GOODBYE, the same on every endpoint. */
export const goodbyeFrame = frame(
  "GOODBYE",
  Server.goodbye,
  "Says why the server closes the socket, which it then does with the same code.",
  goodbye
)

/** `/v1/driver`, from the app. */
export const driverClientFrames = [
  frame("HELLO", Client.hello, "Begins a session of a device.", [
    field("version", Schema.Int, "protocol version, 1"),
    nilable("token", text, "access token; nil when the upgrade's header brought one"),
    field(
      "deviceId",
      text.check(Schema.isMinLength(1), Schema.isMaxLength(128)),
      "the app's own id of this installation; must not survive a backup of the phone"
    ),
    field("platform", shape.platform, "operating system"),
    nilable("appVersion", text.check(Schema.isMaxLength(64)), "the app's version"),
    nilable("capabilities", Schema.Array(text).check(Schema.isMaxLength(32)), "names of what the app can do"),
    nilable("attempt", shape.count, "rises with every HELLO of the device; nil counts as the stored one and one more")
  ]),
  frame("POINT", Client.point, "One fix.", [
    field("seq", shape.seq, "the device's next number, from 1 without holes"),
    ...place,
    ...shared
  ]),
  frame("BATCH", Client.batch, "Up to 500 fixes with consecutive numbers.", [
    field("firstSeq", shape.seq, "number of the first point; point i has firstSeq + i"),
    field("t0", shape.timeMs, "base of dt, Unix ms"),
    field("dt", shape.batchOf(shape.count), "ms since the point before; dt[0] = 0"),
    field("lat", shape.batchOf(shape.difference), "E7: the first absolute, later ones differences"),
    field("lng", shape.batchOf(shape.difference), "E7: the first absolute, later ones differences"),
    nilable("speedCms", shape.batchOf(Schema.NullOr(shape.speedCms)), `cm/s${entries}`),
    nilable("headingCdeg", shape.batchOf(Schema.NullOr(shape.headingCdeg)), `hundredths of a degree${entries}`),
    nilable("accuracyCm", shape.batchOf(Schema.NullOr(shape.accuracyCm)), `cm${entries}`),
    ...shared
  ]),
  frame(
    "BEACON",
    Client.beacon,
    "Where the driver is now, while a backlog uploads. Moves the live marker; never stored or answered.",
    place
  ),
  frame("DUTY", Client.duty, "Goes on duty, off duty or on a break.", [
    field("commandId", shape.uuid, "chosen by the app; the same id has the same answer"),
    field("duty", shape.duty, "what it changes to"),
    nilable("occurredAt", shape.timeMs, "event time, Unix ms; nil: on receipt")
  ]),
  frame("OFFER_REPLY", Client.offerReply, "Accepts or declines an offer.", [
    field("commandId", shape.uuid, "chosen by the app"),
    field("offerId", text, "the offer"),
    field("fencingToken", Schema.Int, "as in OFFER"),
    field("accepted", Schema.Boolean, "whether the driver takes it"),
    nilable("reason", text, "why not")
  ]),
  frame("TASK", Client.task, "Reports a step of a delivery.", [
    field("commandId", shape.uuid, "chosen by the app"),
    field("assignmentId", text, "the assignment"),
    field("fencingToken", Schema.Int, "as in TASKS; a stale one is refused"),
    field("action", shape.taskAction, "the step"),
    field("occurredAt", shape.timeMs, "event time, Unix ms"),
    nilable(
      "payload",
      anyMap,
      "proof {type, value, sha256 or file_id} or proofs [...], or {reason_code, note} for failures"
    )
  ]),
  frame("PING", Client.ping, "Asks for a PONG.", [nilable("clientTime", Schema.Finite, "repeated in PONG")]),
  frame("AUTH", Client.auth, "Brings a fresh token of the same driver.", [token])
]

/** `/v1/driver`, from the server. */
export const driverServerFrames = [
  frame("WELCOME", Server.welcome, "Answers HELLO: where the device's sequence stands.", [
    field("sessionId", text, "id of the session"),
    field("ackedSeq", shape.count, "last committed number, 0 for a new device"),
    field("window", shape.count, "points that may be unacknowledged"),
    field("serverTime", shape.timeMs, "Unix ms"),
    field("cadence", shape.Cadence, "what the server would like"),
    nilable("lastRecordedAt", shape.timeMs, "that point's time, when it is known exactly")
  ]),
  frame("ACK", Server.ack, "Every point up to seq is committed, or settled as quarantined.", [
    field("seq", shape.count, "cumulative")
  ]),
  frame("REFUSED", Server.refused, "Points were not taken; nothing is until expectedSeq arrives.", [
    field("expectedSeq", shape.count, "where to go on; 0 before WELCOME"),
    field("code", shape.refusalCode, "why"),
    field("retryAfterMs", shape.count, "ms")
  ]),
  frame("OFFER", Server.offer, "Offers a shipment.", [
    field("offerId", text, "the offer"),
    field("assignmentId", text, "the assignment it becomes"),
    field("shipment", shape.OfferedShipment, "what is to be delivered"),
    field("fencingToken", Schema.Int, "to be repeated in OFFER_REPLY"),
    field("expiresAt", shape.timeMs, "Unix ms")
  ]),
  frame("OFFER_GONE", Server.offerGone, "An offer is no longer open.", [
    field("offerId", text, "the offer"),
    field("reason", text, "why")
  ]),
  frame("TASKS", Server.tasks, "All tasks of the driver.", [
    field("version", shape.count, "rises with every change"),
    field("tasks", Schema.Array(shape.Task), "in their order"),
    nilable("breaks", Schema.Array(shape.Break), "those to come of the runs that the tasks are in; nil: none")
  ]),
  frame("RESULT", Server.result, "Answers a command.", [
    field("commandId", text, "the command"),
    field("ok", Schema.Boolean, "whether it was done"),
    nilable("detail", shape.ResultDetail, "{code, detail, allowed?} when it was not")
  ]),
  frame("CADENCE", Server.cadence, "Changes what the server would like.", [
    field("cadence", shape.Cadence, "from now on")
  ]),
  frame("PONG", Server.pong, "Answers PING.", [
    nilable("clientTime", Schema.Finite, "as sent"),
    field("serverTime", shape.timeMs, "Unix ms")
  ]),
  frame("CREDIT", Server.credit, "Changes the window.", [
    field("window", shape.count, "points that may be unacknowledged from now on")
  ]),
  goodbyeFrame,
  frame("FLAGGED", Server.flagged, "A point was settled without being stored; precedes the ACK that covers it.", [
    field("seq", shape.seq, "the point"),
    field("code", shape.quarantineCode, "why")
  ]),
  frame("MESSAGE", Server.message, "A message of a thread.", [
    field("threadId", text, "the thread"),
    field("message", shape.Message, "what was said")
  ])
]
