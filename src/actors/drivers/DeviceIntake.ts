import type { Limits } from "../../config/Limits.ts"
import {
  clockFault,
  flagsOf,
  flagsThatHoldTheMarker,
  isOffDutyAt,
  type QuarantineCode
} from "../../domain/TelemetryRules.ts"
import type { OpenedSession } from "../../persistence/drivers/DriverSessionRepo.ts"
import type { IngestBatch } from "../../persistence/ingest/IngestBatch.ts"
import {
  type CursorLost,
  IngestDevice,
  type IngestListener,
  type QuarantinedPoint
} from "../../persistence/ingest/IngestDevice.ts"
import type { IngestLane } from "../../persistence/ingest/IngestLane.ts"
import type { OfferEnd } from "../../persistence/shipments/DriverOffers.ts"
import { CloseCode } from "../../protocol/CloseCode.ts"
import { fieldFaults, type PointBlock } from "../../protocol/PointBlock.ts"
import type { Offer } from "../offers/OfferShape.ts"
import type { ToldTasks } from "../tasks/TaskShape.ts"
import { CreditHistory } from "./CreditHistory.ts"
import type { DriverActor } from "./DriverActor.ts"
import type { DriverLink, MessageShape, RefusalCode } from "./DriverLink.ts"
import { quarantineDetail } from "./QuarantineDetail.ts"

/** What an intake needs of the node it runs on. */
export interface IntakeNode {
  readonly limits: Limits
  readonly isFull: (points: number) => boolean
  readonly appended: (points: number) => void
  /** The driver's live place changed; at most once a frame. */
  readonly moved: (driver: DriverActor) => void
  /** A beacon moved the live place, which no commit will tell of. */
  readonly beaconed: (driver: DriverActor) => void
  readonly quarantined: (code: QuarantineCode) => void
  readonly refused: (code: RefusalCode) => void
}

/** REFUSED was the last answer, and nothing is taken until the expected number arrives. */
interface Refusal {
  readonly code: RefusalCode
  /** When it was said last. */
  readonly at: number
  /** It came again before it could be repeated. */
  isOwed: boolean
}

/**
 * One connected device of a driver: the whole life of a point between its frame and the writer, run to completion
 * synchronously on the frame's stack. Sequence, then credit, then the rules, then the buffer, then the live place; the
 * acknowledgement follows from the commit (`settled`).
 *
 * Every connected phone has one, so what most never need is made when it is needed, and a time that may be absent is undefined:
 * with a number to stand for it, V8 boxes the field in 16 bytes in each of them.
 */
export class DeviceIntake implements IngestListener {
  readonly driver: DriverActor
  readonly ingest: IngestDevice
  /** How many points the phone may have unacknowledged, as it was told last. */
  granted: number
  private creditHistory: CreditHistory | undefined
  /** Undefined once the phone has left: what is still buffered is committed, but nobody is told. */
  private link: DriverLink | undefined
  private readonly lane: IngestLane
  private readonly node: IntakeNode
  /** The device's previous point, which a jump is measured from; after HELLO its stored marker. */
  private previous: { recordedAt: number; latE7: number; lngE7: number } | undefined
  private refusal: Refusal | undefined
  private beaconAt: number | undefined

  constructor(
    driver: DriverActor,
    session: OpenedSession,
    window: number,
    lane: IngestLane,
    link: DriverLink,
    node: IntakeNode
  ) {
    this.driver = driver
    this.link = link
    this.lane = lane
    this.node = node
    this.granted = window
    const marker = session.deviceMarker
    this.ingest = new IngestDevice(
      { driverId: driver.driverId, deviceNo: session.deviceNo, sessionId: session.sessionId },
      {
        lastSeq: session.lastSeq,
        markerRecordedAt: marker?.recordedAt ?? Number.NEGATIVE_INFINITY,
        markerReceivedAt: marker?.receivedAt ?? Number.NEGATIVE_INFINITY
      },
      this
    )
    if (marker !== undefined) this.remember(marker.recordedAt, marker.latE7, marker.lngE7)
  }

  /** Takes the points of one frame. `now` is the server's clock at receipt, Unix ms. */
  report(block: PointBlock, now: number): void {
    const { ingest } = this
    this.driver.heard(now)
    const expected = ingest.acceptedSeq + 1
    const last = block.firstSeq + (block.count - 1)
    if (last < expected) {
      if (last <= ingest.committedSeq) this.link?.ack(ingest.committedSeq)
      return
    }
    if (block.firstSeq > expected) return this.refuse(this.refusal?.code ?? "sequence_gap", now)
    const start = expected - block.firstSeq
    const wanted = block.count - start
    const allowed = Math.min(wanted, this.acceptable(now) - (ingest.acceptedSeq - ingest.committedSeq))
    if (allowed <= 0) return this.refuse("credit_exceeded", now)
    if (this.node.isFull(allowed)) return this.refuse("buffer_full", now)
    this.refusal = undefined
    this.take(block, start, start + allowed, now)
    if (allowed < wanted) this.refuse("credit_exceeded", now)
  }

  private take(block: PointBlock, start: number, end: number, now: number): void {
    const { driver, node } = this
    const batch = this.lane.batchFor(end - start, now)
    let hasMoved = false
    for (let i = start; i < end; i++) {
      const code = this.quarantineCode(block, i, now)
      if (code === undefined) hasMoved = this.store(block, i, now, batch) || hasMoved
      else {
        const detail = quarantineDetail(block, i, this.isPlaceKept(block.recordedAt[i] as number))
        batch.quarantine(this.ingest, block.firstSeq + i, block.recordedAt[i] as number, code, detail)
        node.quarantined(code)
      }
    }
    node.appended(end - start)
    this.lane.appended()
    if (hasMoved) node.moved(driver)
  }

  /**
   * Whether quarantine may keep where the point was. Not when the driver was off duty, whatever else is wrong with it; a point
   * without a readable time goes by the duty in force.
   */
  private isPlaceKept(recordedAt: number): boolean {
    const { dutyLog, duty } = this.driver
    if (dutyLog === undefined) return true
    return Number.isNaN(recordedAt) ? duty !== "off" : !isOffDutyAt(dutyLog, recordedAt)
  }

  private quarantineCode(block: PointBlock, i: number, now: number): QuarantineCode | undefined {
    if (block.faulty) {
      const fault = block.fault[i] as number
      if (fault !== 0) return fieldFaults[fault - 1]
    }
    const recordedAt = block.recordedAt[i] as number
    const clock = clockFault(recordedAt, now, this.node.limits)
    if (clock !== undefined) return clock
    const { dutyLog } = this.driver
    return dutyLog !== undefined && isOffDutyAt(dutyLog, recordedAt) ? "off_duty" : undefined
  }

  /** Buffers a sound point; says whether it moved the driver's live place. */
  private store(block: PointBlock, i: number, now: number, batch: IngestBatch): boolean {
    const recordedAt = block.recordedAt[i] as number
    const latE7 = block.latE7[i] as number
    const lngE7 = block.lngE7[i] as number
    const speedCms = block.speedCms[i] as number
    const headingCdeg = block.headingCdeg[i] as number
    const accuracyCm = block.accuracyCm[i] as number
    const { lateAfterMs } = this.node.limits
    const flags = flagsOf(recordedAt, latE7, lngE7, speedCms, accuracyCm, now, this.previous, lateAfterMs)
    batch.append(
      this.ingest,
      block.firstSeq + i,
      recordedAt,
      now,
      latE7,
      lngE7,
      speedCms,
      headingCdeg,
      accuracyCm,
      block.battery,
      block.source,
      flags
    )
    this.remember(recordedAt, latE7, lngE7)
    if ((flags & flagsThatHoldTheMarker) !== 0) return false
    return this.driver.moveMarker(
      recordedAt,
      now,
      this.ingest.deviceNo,
      latE7,
      lngE7,
      speedCms,
      headingCdeg,
      accuracyCm
    )
  }

  /** Moves the live place without storing anything; the caller has checked the fields. At most one a second counts. */
  beacon(
    recordedAt: number,
    latE7: number,
    lngE7: number,
    speedCms: number,
    headingCdeg: number,
    accuracyCm: number,
    now: number
  ): boolean {
    const { driver, node } = this
    driver.heard(now)
    if (this.beaconAt !== undefined && now - this.beaconAt < node.limits.beaconEveryMs) return false
    this.beaconAt = now
    if (clockFault(recordedAt, now, node.limits) !== undefined) return false
    if (driver.dutyLog !== undefined && isOffDutyAt(driver.dutyLog, recordedAt)) return false
    const previous = driver.hasMarker
      ? { recordedAt: driver.markerRecordedAt, latE7: driver.latE7, lngE7: driver.lngE7 }
      : undefined
    const flags = flagsOf(recordedAt, latE7, lngE7, speedCms, accuracyCm, now, previous, node.limits.lateAfterMs)
    if ((flags & flagsThatHoldTheMarker) !== 0) return false
    if (!driver.moveMarker(recordedAt, now, this.ingest.deviceNo, latE7, lngE7, speedCms, headingCdeg, accuracyCm))
      return false
    node.moved(driver)
    node.beaconed(driver)
    return true
  }

  /** The phone has left, or begins another session on the same connection, where numbers of this one would be misread. */
  leave(): void {
    this.link = undefined
  }

  /** A frame that could not be read: the phone hears where it stands. */
  malformed(): void {
    this.node.refused("malformed_frame")
    this.link?.refused(this.ingest.acceptedSeq + 1, "malformed_frame", 0)
  }

  grant(window: number, now: number): void {
    if (window === this.granted) return
    if (window < this.granted) {
      this.creditHistory ??= new CreditHistory()
      this.creditHistory.lowered(this.granted, now, this.node.limits)
    }
    this.granted = window
    this.link?.credit(window)
  }

  /** What the driver has to do changed. */
  tasks(work: ToldTasks): void {
    this.link?.tasks(work)
  }

  /** A shipment was offered to the driver. */
  offer(offer: Offer): void {
    this.link?.offer(offer)
  }

  offerGone(offerId: string, reason: OfferEnd): void {
    this.link?.offerGone(offerId, reason)
  }

  /** Somebody else wrote about what the driver brings. */
  message(threadId: string, message: MessageShape): void {
    this.link?.message(threadId, message)
  }

  settled(seq: number, quarantined: ReadonlyArray<QuarantinedPoint>): void {
    for (const point of quarantined) {
      if (point.code === "refused_by_database") this.node.quarantined(point.code)
      this.link?.flagged(point.seq, point.code)
    }
    this.link?.ack(seq)
  }

  lost(reason: CursorLost): void {
    if (reason === "replaced") this.replaced()
    else this.link?.close(CloseCode.serverError, this.node.limits.retryAfterMs)
  }

  /** A newer session has the device: what is buffered here will not be committed. */
  replaced(): void {
    this.ingest.isDropped = true
    this.link?.close(CloseCode.replaced, 0)
  }

  /** Repeats a refusal that was held back because the one before it was less than a second old. */
  tick(now: number): void {
    const { refusal } = this
    if (refusal?.isOwed !== true) return
    if (now - refusal.at >= this.node.limits.refusedRepeatMs) this.refuse(refusal.code, now)
  }

  private refuse(code: RefusalCode, now: number): void {
    const { refusal } = this
    const { limits } = this.node
    if (refusal?.code === code && now - refusal.at < limits.refusedRepeatMs) {
      // Not lost, only late: a phone that sent from the wrong number again would wait for an answer for ever.
      refusal.isOwed = true
      return
    }
    this.refusal = { code, at: now, isOwed: false }
    this.node.refused(code)
    if (code === "credit_exceeded") {
      this.creditHistory ??= new CreditHistory()
      if (this.creditHistory.refuse(now, limits)) return this.link?.close(CloseCode.rateExceeded, limits.retryAfterMs)
    }
    const retryAfterMs = code === "buffer_full" ? limits.retryAfterMs : limits.refusedRetryAfterMs
    this.link?.refused(this.ingest.acceptedSeq + 1, code, retryAfterMs)
  }

  private remember(recordedAt: number, latE7: number, lngE7: number): void {
    const { previous } = this
    if (previous === undefined) {
      this.previous = { recordedAt, latE7, lngE7 }
      return
    }
    previous.recordedAt = recordedAt
    previous.latE7 = latE7
    previous.lngE7 = lngE7
  }

  /** How many points may be unacknowledged at this moment. */
  private acceptable(now: number): number {
    return this.creditHistory?.acceptable(this.granted, now) ?? this.granted
  }
}
