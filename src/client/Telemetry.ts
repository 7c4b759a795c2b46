import { DriverClientFrame } from "../protocol/FrameType.ts"
import type { ClientClock } from "./ClientClock.ts"
import type { DriverConnection } from "./DriverConnection.ts"
import type { DriverCounters } from "./DriverCounters.ts"
import type { DriverListeners } from "./DriverEvents.ts"
import type { DriverStore, StoredDriver } from "./DriverStore.ts"
import { bareFix, type WireFix } from "./Fix.ts"
import { readCadence } from "./ServerFrames.ts"
import type { LineUp, Upload } from "./Upload.ts"

/** What the points of a driver need around them. */
export interface TelemetryParts {
  readonly upload: Upload
  readonly connection: DriverConnection
  readonly clock: ClientClock
  readonly counters: DriverCounters
  readonly listeners: DriverListeners
  /** The store once its content is known; undefined when there is none. */
  readonly store: () => DriverStore | undefined
}

/** The server takes at most one BEACON a second, and only a live position is worth one. */
const beaconEveryMs = 1_000
const beaconAgeMsMax = 60_000
/** Above this many unsent bytes the socket is left alone for a moment. */
const socketBytesMax = 256 * 1024
const socketFullMs = 20

/**
 * A driver's points from the report to the acknowledgement: puts what `Upload` lets go on the wire, tells it what the server says of
 * them, and keeps the store in step.
 */
export class Telemetry {
  /** Somebody waits until all is acknowledged: batches go out unfilled. */
  isUrgent = false
  private readonly parts: TelemetryParts
  private readonly upload: Upload
  private readonly connection: DriverConnection
  private readonly clock: ClientClock
  private socketFullUntilMs = Number.NEGATIVE_INFINITY
  private beaconAtMs = Number.NEGATIVE_INFINITY
  private beaconRecordedAt = Number.NEGATIVE_INFINITY

  constructor(parts: TelemetryParts) {
    this.parts = parts
    this.upload = parts.upload
    this.connection = parts.connection
    this.clock = parts.clock
  }

  /** Points that are not acknowledged. */
  get pending(): number {
    return this.upload.queue.length
  }

  /** When `send` may have something without any frame of the server; monotonic milliseconds or infinity. */
  get dueAtMs(): number {
    return Math.max(this.upload.dueAtMs, this.socketFullUntilMs)
  }

  /** Takes a point and sends what may be sent. */
  report(fix: WireFix): void {
    this.parts.store()?.record({ kind: "point", fix })
    this.parts.counters.reported++
    this.upload.report(fix, this.clock.monotonicMs())
    if (!this.connection.isLive) return
    this.send()
    this.beacon()
    this.connection.arm()
  }

  /** Takes every point out again, oldest first, and numbers from 1: what the store holds comes before them. */
  takeBack(): ReadonlyArray<WireFix> {
    const { queue } = this.upload
    const fixes: Array<WireFix> = []
    queue.dropThrough(queue.nextSeq - 1, (point) => fixes.push(bareFix(point)))
    queue.nextSeq = 1
    return fixes
  }

  /** Goes on where an earlier process left off; `early` was reported since this one began. */
  resume(stored: StoredDriver | undefined, early: ReadonlyArray<WireFix>): void {
    if (stored !== undefined) this.upload.resume(stored)
    for (const fix of early) {
      this.parts.store()?.record({ kind: "point", fix })
      this.upload.queue.push(fix)
    }
  }

  /** Sends every frame that may go now. */
  send(): void {
    if (!this.connection.isLive) return
    const nowMs = this.clock.monotonicMs()
    for (;;) {
      if (this.connection.bufferedBytes > socketBytesMax) {
        this.socketFullUntilMs = nowMs + socketFullMs
        return
      }
      const frame = this.upload.nextFrame(nowMs, this.isUrgent)
      if (frame === undefined) return
      this.connection.send(frame)
    }
  }

  /** While older points are in the way, the newest goes ahead as a BEACON, so that the map is right meanwhile. */
  beacon(): void {
    const newest = this.upload.queue.newest
    if (newest === undefined || this.upload.unsent <= this.upload.cadence.batch || !this.connection.isLive) return
    const nowMs = this.clock.monotonicMs()
    if (nowMs < this.beaconAtMs || newest.recordedAt <= this.beaconRecordedAt) return
    if (newest.recordedAt < this.clock.unixMs() - beaconAgeMsMax) return
    this.beaconAtMs = nowMs + beaconEveryMs
    this.beaconRecordedAt = newest.recordedAt
    this.parts.counters.beacons++
    const { recordedAt, latE7, lngE7, speedCms, headingCdeg, accuracyCm } = newest
    this.connection.send([DriverClientFrame.beacon, recordedAt, latE7, lngE7, speedCms, headingCdeg, accuracyCm])
  }

  // What the server says

  /** WELCOME. False when the sequence under this deviceId is not this queue's; nothing was changed then. */
  lineUp(welcome: LineUp): boolean {
    const linedUp = this.upload.lineUp(welcome, this.connection.heardAtMs)
    if (linedUp.kind === "foreign_sequence") return false
    if (linedUp.dropped > 0) this.recordAcked("acked")
    if (linedUp.renumbered) this.recordAcked("renumbered")
    return true
  }

  /** The points go on under a new deviceId. */
  restart(): void {
    this.upload.restart()
    this.recordAcked("renumbered")
  }

  acknowledged(seq: number): void {
    const { upload, connection } = this
    const { listeners } = this.parts
    const before = upload.ackedSeq
    if (upload.acknowledge(seq, connection.heardAtMs) === "unknown") {
      connection.giveUp(`server acknowledged ${seq}`)
      return
    }
    if (upload.ackedSeq === before) return
    this.recordAcked("acked")
    connection.progressed()
    if (listeners.hears("acked")) listeners.tell("acked", { seq, pending: this.pending })
    this.send()
  }

  refused(expectedSeq: number, code: string, retryAfterMs: number): void {
    const { connection } = this
    this.parts.listeners.tell("refused", { expectedSeq, code, retryAfterMs })
    if (!connection.isLive) return
    if (this.upload.refuse(expectedSeq, code, retryAfterMs, connection.heardAtMs) === "unknown")
      connection.giveUp(`server expects ${expectedSeq}`)
  }

  flagged(seq: number, code: string): void {
    if (this.upload.flag(seq)) this.parts.listeners.tell("flagged", { seq, code })
  }

  credit(window: number): void {
    this.upload.credit(window)
    this.send()
  }

  /** CADENCE; `value` as it came. */
  cadence(value: unknown): void {
    this.upload.cadence = readCadence(value, this.upload.cadence)
    this.send()
  }

  private recordAcked(kind: "acked" | "renumbered"): void {
    const { ackedSeq, ackedRecordedAt } = this.upload
    this.parts.store()?.record({ kind, ackedSeq, recordedAt: ackedRecordedAt })
  }
}
