import { encodeFrame } from "../../src/protocol/FrameCodec.ts"
import { encodeLoosely, seeded } from "../../test/kit/LooseEncoding.ts"

/** One line of docs/protocol-vectors.json. */
export interface Vector {
  readonly name: string
  readonly endpoint: "driver" | "tracking" | "fleet"
  readonly direction: "client" | "server"
  /** The bytes; of JSON text for the subprotocol dropmate.json. */
  readonly hex: string
  readonly subprotocol?: "dropmate.json"
  /** The decoded frame; absent where JSON has no word for a value, and for bytes that are no frame. */
  readonly json?: unknown
  readonly valid: boolean
  /** Of a frame that is not valid: the code it is answered with. */
  readonly refusal?: string
  /** Of a readable POINT or BATCH: the points that are settled without being stored. */
  readonly flagged?: ReadonlyArray<readonly [seq: number, code: string]>
}

type Frame = ReadonlyArray<unknown>

const t0 = 1_760_000_000_000
const id = "0199c0de-0000-7000-8000-000000000001"
const cadence = { moving_ms: 2_000, idle_ms: 20_000, batch: 1 }
const stop = {
  stop_id: "stp_0199c0de-0000-7000-8000-000000000002",
  type: "dropoff",
  position: 1,
  lat: 52.52,
  lng: 13.405,
  address: "Alexanderplatz 1",
  window: { start: t0, end: t0 + 3_600_000 },
  status: "planned",
  requirements: ["pin"]
}
const shipment = {
  shipment_id: "shp_1",
  order_ref: "A-17",
  stops: [stop],
  distance_m: 3_200,
  pay: { amount: 450, currency: "EUR" }
}
const task = {
  assignment_id: "asg_1",
  shipment_id: "shp_1",
  fencing_token: 3,
  status: "accepted",
  sequence: 1,
  stops: [stop]
}
const point: Frame = [2, 7, t0, 525_200_000, 134_050_000, 1_250, 27_000, 480, 83, 1]
const batch: Frame = [
  3,
  8,
  t0,
  [0, 1_000, 2_000],
  [525_200_000, 12, -7],
  [134_050_000, -20, 0],
  [1_250, null, 0],
  null,
  [480, 500, null],
  83,
  1
]

/** Bytes of an encoding by its name. */
const encodings: Readonly<Record<string, (frame: Frame) => Uint8Array>> = {
  shortest: encodeFrame,
  "floats and short heads": (frame) => encodeLoosely(frame, () => 0),
  "64-bit integers and long heads": (frame) => encodeLoosely(frame, () => 0.999_999),
  "mixed widths": (frame) => encodeLoosely(frame, seeded(7))
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

const sound: ReadonlyArray<readonly [name: string, Vector["endpoint"], Vector["direction"], Frame]> = [
  ["HELLO", "driver", "client", [1, 1, "token", "device-1", "android", "1.4.2", ["offers"], 12]],
  ["HELLO without token", "driver", "client", [1, 1, null, "device-1", "ios", "1.4.2"]],
  ["POINT", "driver", "client", point],
  ["POINT of which only the place is known", "driver", "client", [2, 7, t0, -900_000_000, 1_800_000_000]],
  ["POINT with the last number", "driver", "client", [2, Number.MAX_SAFE_INTEGER, t0, 0, 0]],
  ["BATCH", "driver", "client", batch],
  ["BATCH with an unknown trailing field", "driver", "client", [...batch, "later"]],
  ["BEACON", "driver", "client", [4, t0, 525_200_000, 134_050_000, 1_250, 27_000, 480]],
  ["DUTY on receipt", "driver", "client", [5, id, "on"]],
  ["DUTY with its time", "driver", "client", [5, id, "off", t0]],
  ["OFFER_REPLY", "driver", "client", [6, id, "ofr_1", 3, true]],
  ["TASK", "driver", "client", [7, id, "asg_1", 3, "delivered", t0, { proof: { type: "pin", value: "4711" } }]],
  ["PING", "driver", "client", [8, t0]],
  ["AUTH", "driver", "client", [9, "token"]],
  ["WELCOME of a new device", "driver", "server", [32, "ses_1", 0, 1_000, t0, cadence]],
  ["WELCOME", "driver", "server", [32, "ses_1", 41, 1_000, t0, cadence, t0 - 5_000]],
  ["ACK", "driver", "server", [33, 70_000]],
  ["REFUSED", "driver", "server", [34, 42, "sequence_gap", 250]],
  ["OFFER", "driver", "server", [35, "ofr_1", "asg_1", shipment, 3, t0 + 30_000]],
  ["OFFER_GONE", "driver", "server", [36, "ofr_1", "taken"]],
  ["TASKS", "driver", "server", [37, 5, [task]]],
  ["RESULT that is done", "driver", "server", [38, id, true]],
  [
    "RESULT that is not",
    "driver",
    "server",
    [38, id, false, { code: "command_reused", detail: "this commandId was used for another command" }]
  ],
  ["CADENCE", "driver", "server", [39, cadence]],
  ["PONG", "driver", "server", [40, t0, t0 + 3]],
  ["CREDIT", "driver", "server", [41, 0]],
  ["GOODBYE", "driver", "server", [42, 4000, "draining", 1_200]],
  ["FLAGGED", "driver", "server", [43, 9, "clock_future"]],
  [
    "MESSAGE",
    "driver",
    "server",
    [44, "thr_1", { message_id: "msg_1", author_role: "customer", text: "Ring twice", attachments: [], created_at: t0 }]
  ],
  ["SUBSCRIBE", "tracking", "client", [1, 1, "token", "e1", 17, 1_000]],
  ["AUTH", "tracking", "client", [3, "token"]],
  ["SNAPSHOT", "tracking", "server", [32, "e1", 17, { order_id: "ord_1", stage: "scheduled" }]],
  ["RESUMED", "tracking", "server", [33, "e1", 17]],
  ["POSITION", "tracking", "server", [34, t0, 525_200_000, 134_050_000, 1_250, 27_000]],
  ["EVENT", "tracking", "server", [35, 18, "shipment.picked_up", t0, {}]],
  ["ETA", "tracking", "server", [36, t0, t0 + 300_000, 1_800, 2]],
  ["STAGE", "tracking", "server", [37, "nearby"]],
  ["RESULT", "tracking", "server", [38, null, false, { code: "malformed_frame" }]],
  ["GOODBYE", "tracking", "server", [42, 4506, "tracking_finished", 0]],
  ["SUBSCRIBE", "fleet", "client", [1, 1, "token", { bbox: [13, 52, 14, 53], interval_ms: 500 }]],
  ["VIEW", "fleet", "client", [2, { bbox: [13, 52, 14, 53] }]],
  ["AUTH", "fleet", "client", [3, "token"]],
  [
    "SNAPSHOT",
    "fleet",
    "server",
    [
      32,
      "e1",
      5,
      t0,
      {
        handles: [1],
        ids: ["drv_1"],
        names: ["Dana"],
        latE7: [1],
        lngE7: [2],
        headingCdeg: [null],
        status: [5],
        recordedAt: [t0]
      }
    ]
  ],
  ["POSITIONS", "fleet", "server", [33, t0, [1], [1], [2], [9_000], [1], [250]]],
  ["GONE", "fleet", "server", [34, [1]]],
  ["EVENT", "fleet", "server", [35, 6, "shp_1", "shipment.assigned", t0, {}, "ord_1"]],
  ["RESUMED", "fleet", "server", [36, "e1", 5]],
  ["DRIVERS", "fleet", "server", [37, [1], ["drv_1"], ["Dana"]]],
  ["RESULT", "fleet", "server", [38, null, false, { code: "malformed_frame" }]],
  ["GOODBYE", "fleet", "server", [42, 4003, "server_error", 2_000]]
]

const changed = (index: number, value: unknown): Frame => point.map((field, i) => (i === index ? value : field))

/** Points that are settled without being stored: the frame is readable. */
const badValues: ReadonlyArray<readonly [name: string, Frame, NonNullable<Vector["flagged"]>]> = [
  ["time missing", changed(2, null), [[7, "wrong_type"]]],
  ["time as text", changed(2, "now"), [[7, "wrong_type"]]],
  ["time with a fraction", changed(2, t0 + 0.5), [[7, "wrong_type"]]],
  ["time beyond 2^53", changed(2, 2 ** 60), [[7, "out_of_range"]]],
  ["latitude NaN", changed(3, Number.NaN), [[7, "not_finite"]]],
  ["latitude above 90 degrees", changed(3, 900_000_001), [[7, "out_of_range"]]],
  ["longitude infinite", changed(4, Number.NEGATIVE_INFINITY), [[7, "not_finite"]]],
  ["speed negative", changed(5, -1), [[7, "out_of_range"]]],
  ["speed above 1000 m/s", changed(5, 100_001), [[7, "out_of_range"]]],
  ["heading 360 degrees", changed(6, 36_000), [[7, "out_of_range"]]],
  ["accuracy 0", changed(7, 0), [[7, "out_of_range"]]],
  ["battery 101", changed(8, 101), [[7, "out_of_range"]]],
  ["source 5", changed(9, 5), [[7, "out_of_range"]]],
  ["source as a map", changed(9, { gps: 1 }), [[7, "wrong_type"]]],
  [
    "BATCH with bad entries: the base stays at the last good value",
    [3, 1, t0, [0, -5, 10, 10], [100, Number.NaN, "x", 5], [200, 1, null, 5]],
    [
      [2, "out_of_range"],
      [3, "wrong_type"]
    ]
  ],
  [
    "BATCH whose first latitudes are bad: entries are absolute until a good one",
    [3, 1, t0, [0, 1, 1], [null, 500, 5], [1, 1, 1]],
    [[1, "wrong_type"]]
  ],
  ["BATCH whose sum leaves the range", [3, 1, t0, [0, 1, 1], [900_000_000, 1, 0], [0, 0, 0]], [[2, "out_of_range"]]],
  [
    "BATCH with a bad t0",
    [3, 1, "never", [0, 1], [1, 1], [1, 1]],
    [
      [1, "wrong_type"],
      [2, "wrong_type"]
    ]
  ],
  [
    "BATCH with a bad battery",
    [3, 1, t0, [0, 1], [1, 1], [1, 1], null, null, null, 200],
    [
      [1, "out_of_range"],
      [2, "out_of_range"]
    ]
  ]
]

/** Frames that cannot be taken at all. */
const malformed: ReadonlyArray<readonly [name: string, Uint8Array | Frame]> = [
  ["no bytes", new Uint8Array()],
  ["a byte that begins no value", Uint8Array.of(0xc1)],
  ["truncated", Uint8Array.of(0x93, 0x08)],
  ["bytes after the frame", Uint8Array.of(0x92, 0x08, 0x01, 0x00)],
  ["a map", Uint8Array.of(0x81, 0x00, 0x08)],
  ["an empty array", []],
  ["type as text", ["8", 1]],
  ["unknown type", [99]],
  ["an array that claims more than there is", Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff, 0x08)],
  ["nested five deep", [8, [[[[1]]]]]],
  ["POINT without seq", [2]],
  ["POINT with seq 0", [2, 0, t0, 0, 0]],
  ["POINT with seq beyond 2^53 - 1", [2, 2 ** 53, t0, 0, 0]],
  ["POINT with a fraction in seq", [2, 1.5, t0, 0, 0]],
  ["BATCH without firstSeq", [3]],
  ["BATCH of no points", [3, 1, t0, [], [], []]],
  ["BATCH of 501 points", [3, 1, t0, Array(501).fill(0), Array(501).fill(0), Array(501).fill(0)]],
  ["BATCH of unequal columns", [3, 1, t0, [0], [1, 1], [1]]],
  ["BATCH with a short optional column", [3, 1, t0, [0, 1], [1, 1], [1, 1], [5]]],
  ["BATCH whose last number is beyond 2^53 - 1", [3, Number.MAX_SAFE_INTEGER, t0, [0, 1], [1, 1], [1, 1]]],
  ["DUTY without a commandId", [5, null, "on"]],
  ["AUTH without a token", [9]]
]

const isJson = (frame: Frame): boolean =>
  JSON.stringify(JSON.parse(JSON.stringify(frame))) === JSON.stringify(frame) && !holdsNonFinite(frame)
const holdsNonFinite = (value: unknown): boolean =>
  (typeof value === "number" && !Number.isFinite(value)) || (Array.isArray(value) && value.some(holdsNonFinite))

const withJson = (frame: Frame): Pick<Vector, "json"> => (isJson(frame) ? { json: frame } : {})
const driver = { endpoint: "driver", direction: "client" } as const

/** Every vector, in the order of the file. */
export const vectors = (): ReadonlyArray<Vector> => [
  ...sound.flatMap(([name, endpoint, direction, frame]) => {
    const names = direction === "client" ? Object.keys(encodings) : ["shortest"]
    const binary = names.map((encoding) => ({
      name: names.length === 1 ? name : `${name}, ${encoding}`,
      endpoint,
      direction,
      hex: hexOf((encodings[encoding] ?? encodeFrame)(frame)),
      json: frame,
      valid: true
    }))
    const text = {
      name: `${name}, JSON text`,
      endpoint,
      direction,
      subprotocol: "dropmate.json",
      hex: hexOf(Buffer.from(JSON.stringify(frame))),
      json: frame,
      valid: true
    } as const
    return [...binary, text]
  }),
  ...badValues.map(([name, frame, flagged]) => ({
    name: `bad value: ${name}`,
    ...driver,
    hex: hexOf(encodeFrame(frame)),
    ...withJson(frame),
    valid: true,
    flagged
  })),
  ...malformed.map(([name, source]) => ({
    name: `malformed: ${name}`,
    ...driver,
    hex: hexOf(source instanceof Uint8Array ? source : encodeLoosely(source, seeded(1))),
    ...(source instanceof Uint8Array ? {} : withJson(source)),
    valid: false,
    refusal: "malformed_frame"
  })),
  {
    name: "malformed: JSON text that is not JSON",
    ...driver,
    subprotocol: "dropmate.json",
    hex: hexOf(Buffer.from("[8,")),
    valid: false,
    refusal: "malformed_frame"
  },
  {
    name: "malformed: JSON text that is not UTF-8",
    ...driver,
    subprotocol: "dropmate.json",
    hex: "5bff5d",
    valid: false,
    refusal: "malformed_frame"
  }
]
