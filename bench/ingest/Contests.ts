import type { Target } from "../Figure.ts"
import type { CopyShape } from "./CopyRun.ts"
import type { IngestLoad } from "./IngestRun.ts"

/** A closed loop of the product, and the bare COPY of the same shape. */
export interface Saturation {
  readonly id: string
  readonly what: string
  readonly load: IngestLoad
  readonly copy: CopyShape
  readonly target?: Target
}

/** Rows of a full flush: flushPointsMax. */
const flushRows = 16_000

const closed = (sockets: number, framePoints: number, windowPoints: number): IngestLoad => ({
  contestant: "engine",
  dialect: "messagepack",
  sockets,
  framePoints,
  pace: { _tag: "Closed", windowPoints }
})

/**
 * A flush finds half of the lane's points on the way, the other half being acknowledged and sent anew: so long is one
 * driver's run in a transaction, and the denominator has the same.
 */
export const saturations: Readonly<Record<string, Saturation>> = {
  singles: {
    id: "B1",
    what: "1-point frames, 1,000 sockets, window 64, ÷ bare COPY",
    load: closed(1_000, 1, 64),
    copy: { drivers: 1_000, rows: flushRows, pointsPerRun: 64, connections: 2 },
    target: { least: 0.55, beyond: 0.65 }
  },
  tens: {
    id: "B2",
    what: "10-point frames, 1,000 sockets, window 60, ÷ bare COPY",
    load: closed(1_000, 10, 60),
    copy: { drivers: 1_000, rows: flushRows, pointsPerRun: 60, connections: 2 },
    target: { least: 0.8, beyond: 0.9 }
  },
  twenties: {
    id: "B2/20",
    what: "20-point frames, 2,000 sockets, one frame on the way each, ÷ bare COPY",
    load: closed(2_000, 20, 20),
    copy: { drivers: 2_000, rows: flushRows, pointsPerRun: 20, connections: 2 }
  }
}

/** A rival of the product, measured with the same single points and window. */
export interface Rivalry {
  readonly id: string
  readonly what: string
  readonly rival: IngestLoad
  /** None: a term that is only shown (the wire without a database). */
  readonly target?: Target
}

const singles = saturations.singles as Saturation

export const rivalries: Readonly<Record<string, Rivalry>> = {
  "socket.io": {
    id: "B3",
    what: "durable ÷ Socket.IO + JSON + one INSERT a point (no cursor)",
    rival: { ...singles.load, contestant: "socket.io", dialect: "socket.io" },
    target: { least: 50, beyond: 100 }
  },
  "ws-json": {
    id: "B4",
    what: "durable ÷ ws + JSON + multi-row INSERT each 100 ms (no cursor)",
    rival: { ...singles.load, contestant: "ws-json", dialect: "ws-json" },
    target: { least: 5, beyond: 10 }
  },
  bare: {
    id: "wire",
    what: "durable ÷ bare uWebSockets + decode + rules, no database",
    rival: { ...singles.load, contestant: "bare" }
  }
}

/** One point and one acknowledgement in flight at each of 5,000 sockets. */
export const sparseLoad: IngestLoad = closed(5_000, 1, 1)

/** What a phone may have on the way in a paced run: below `windowPoints`, so that no credit is refused. */
const pacedWindowPoints = 900

export const paced = (sockets: number, framePoints: number, pointsPerS: number): IngestLoad => ({
  contestant: "engine",
  dialect: "messagepack",
  sockets,
  framePoints,
  pace: { _tag: "Paced", windowPoints: pacedWindowPoints, pointsPerS }
})
