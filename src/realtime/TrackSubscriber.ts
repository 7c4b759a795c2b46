import type { FrameSink, SharedFrame } from "./FrameSink.ts"

/** One customer's view of an order: at most one position per interval, the newest; every event. */
export class TrackSubscriber {
  readonly sink: FrameSink
  sessionId: string
  readonly intervalMs: number
  /** Server clock, ms. */
  expiresAtMs: number
  private positionAt = Number.NEGATIVE_INFINITY
  private isPositionWaiting = false
  private isEtaWaiting = false

  constructor(sink: FrameSink, sessionId: string, expiresAtMs: number, intervalMs: number) {
    this.sink = sink
    this.sessionId = sessionId
    this.expiresAtMs = expiresAtMs
    this.intervalMs = intervalMs
  }

  /** A renewed link takes the place of the one that the subscriber began with. */
  renew(sessionId: string, expiresAtMs: number): void {
    this.sessionId = sessionId
    this.expiresAtMs = expiresAtMs
  }

  /** A newer position exists: the first of a burst goes at once, later ones wait for `catchUp`. */
  position(frame: SharedFrame, now: number): void {
    if (now - this.positionAt < this.intervalMs || this.sink.isBehind) {
      this.isPositionWaiting = true
      return
    }
    this.positionAt = now
    this.isPositionWaiting = false
    this.sink.send(frame)
  }

  /** Sends the newest position if one waits and may go now. */
  catchUp(frame: SharedFrame, now: number): void {
    if (this.isPositionWaiting) this.position(frame, now)
  }

  /** Another estimate: at once, or when the reader has caught up. */
  eta(frame: SharedFrame): void {
    this.isEtaWaiting = this.sink.isBehind
    if (!this.isEtaWaiting) this.sink.send(frame)
  }

  /** Sends the estimate that holds now, if the reader was behind when one was told. */
  catchUpEta(frame: SharedFrame): void {
    if (this.isEtaWaiting) this.eta(frame)
  }

  /** Nothing that waits may be shown any more. */
  forgetPosition(): void {
    this.isPositionWaiting = false
  }
}
