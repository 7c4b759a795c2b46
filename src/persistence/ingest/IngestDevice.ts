import type { QuarantineCode } from "../../domain/TelemetryRules.ts"
import type { IngestBatch } from "./IngestBatch.ts"
import { UuidWords } from "./UuidWords.ts"

/** Where a device, or a driver, was last seen. Integers of the wire; NaN when unknown. */
export interface Marker {
  readonly recordedAt: number
  readonly receivedAt: number
  readonly latE7: number
  readonly lngE7: number
  readonly speedCms: number
  readonly headingCdeg: number
  readonly accuracyCm: number
}

/** A point that is settled without being stored. */
export interface QuarantinedPoint {
  readonly seq: number
  readonly code: QuarantineCode
  /** What the phone sent, as JSON text; without the place when the driver was off duty. */
  readonly detail: string
}

/** Told what became of a device's points. Called in order, after the commit; must not throw. */
export interface IngestListener {
  /** Every point up to `seq` is committed or settled. `quarantined` are those among them, by seq. */
  settled(seq: number, quarantined: ReadonlyArray<QuarantinedPoint>): void
  /** The cursor is no longer this session's: a newer HELLO took it, or the database went back in time. */
  lost(reason: CursorLost): void
}

/** `writer_failed` is a defect of ours; like a rewound database it asks the phone to come back and line up again. */
export type CursorLost = "replaced" | "database_rewound" | "writer_failed"

/**
 * One device's place in the writer: who it is, how far it is accepted and committed, and its share of the open batch.
 * `acceptedSeq` runs ahead of `committedSeq` by what is buffered.
 */
export class IngestDevice {
  readonly driverId: string
  readonly deviceNo: number
  readonly sessionId: string
  readonly listener: IngestListener
  /** driver_id and session_id as four 32-bit words each, for the row encoder. */
  readonly driverWords: UuidWords
  readonly sessionWords: UuidWords
  committedSeq: number
  acceptedSeq: number
  /** (recorded_at, received_at) of the device's stored marker, committed or buffered; -Infinity before the first. */
  markerRecordedAt: number
  markerReceivedAt: number
  /** Points of the open batch, and the batch they are in. */
  advance: CursorAdvance | undefined
  /** Set when the session ended or was replaced on this node: nothing of it may be committed any more. */
  isDropped = false

  constructor(
    identity: { readonly driverId: string; readonly deviceNo: number; readonly sessionId: string },
    cursor: { readonly lastSeq: number; readonly markerRecordedAt: number; readonly markerReceivedAt: number },
    listener: IngestListener
  ) {
    this.driverId = identity.driverId
    this.deviceNo = identity.deviceNo
    this.sessionId = identity.sessionId
    this.listener = listener
    this.driverWords = new UuidWords(identity.driverId)
    this.sessionWords = new UuidWords(identity.sessionId)
    this.committedSeq = cursor.lastSeq
    this.acceptedSeq = cursor.lastSeq
    this.markerRecordedAt = cursor.markerRecordedAt
    this.markerReceivedAt = cursor.markerReceivedAt
  }

  /** This device's share of `batch`, begun if there is none. */
  advanceIn(batch: IngestBatch): CursorAdvance {
    const current = this.advance
    if (current !== undefined && current.batch === batch) return current
    return this.begin(batch)
  }

  private begin(batch: IngestBatch): CursorAdvance {
    const advance = new CursorAdvance(this, batch, batch.advances.length, this.acceptedSeq)
    batch.advances.push(advance)
    this.advance = advance
    return advance
  }
}

/** How far one batch moves one device's cursor. */
export class CursorAdvance {
  readonly device: IngestDevice
  readonly batch: IngestBatch
  /** Its number in the batch; each row names it. */
  readonly index: number
  /** The cursor must stand here for the batch to be allowed. */
  readonly expectedSeq: number
  lastSeq: number
  lastRecordedAt = Number.NaN
  quarantined: Array<QuarantinedPoint> | undefined
  /** The device's newest place among this batch's rows; NaN recordedAt when none of them moves the marker. */
  markerRecordedAt = Number.NaN
  /** The database refused the row at that place, so the batch moves no marker. */
  isMarkerRefused = false
  markerReceivedAt = 0
  markerLatE7 = 0
  markerLngE7 = 0
  markerSpeedCms = Number.NaN
  markerHeadingCdeg = Number.NaN
  markerAccuracyCm = Number.NaN

  constructor(device: IngestDevice, batch: IngestBatch, index: number, expectedSeq: number) {
    this.device = device
    this.batch = batch
    this.index = index
    this.expectedSeq = expectedSeq
    this.lastSeq = expectedSeq
  }
}
