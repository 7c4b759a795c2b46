/** A connection that says nothing this long is asked with PING, and given up when it stays silent. */
const pingAfterMs = 20_000
const silentMsMax = 45_000

/** Notices that the other side has fallen silent. TCP alone would take many minutes to. All times are monotonic milliseconds. */
export class SilenceWatch {
  private lastHeardAtMs = 0
  private pingedAtMs = Number.NEGATIVE_INFINITY

  /** When the last frame came. */
  get heardAtMs(): number {
    return this.lastHeardAtMs
  }

  heard(nowMs: number): void {
    this.lastHeardAtMs = nowMs
  }

  /** When `verdict` has something new to say, if no frame comes. */
  get dueAtMs(): number {
    return this.lastHeardAtMs + (this.isPinged ? silentMsMax : pingAfterMs)
  }

  /** What to do now; `ping` once for each silence. */
  verdict(nowMs: number): "fine" | "ping" | "lost" {
    if (nowMs < this.dueAtMs) return "fine"
    if (this.isPinged) return "lost"
    this.pingedAtMs = nowMs
    return "ping"
  }

  private get isPinged(): boolean {
    return this.pingedAtMs > this.lastHeardAtMs
  }
}
