/** How far ahead of the clock recordedAt may run before it is set back to it; the server believes two minutes. */
const aheadMsMax = 60_000

/**
 * What a simulated phone reports: one point a millisecond at 11 m/s while it is asked for more than the clock gives, else
 * points at the time they are taken. So rows look live, no move is a jump, and no two of a device share a time.
 */
export class Track {
  seq = 0
  recordedAt: number
  latE7: number
  lngE7: number

  constructor(number: number, now: number) {
    this.recordedAt = now - 1_000
    this.latE7 = 377_000_000 + (number % 1_000) * 1_000
    this.lngE7 = -1_224_000_000 + Math.floor(number / 1_000) * 1_000
  }

  /** Moves to the first of `points` points that begin now. */
  advance(points: number, now: number): void {
    const next = this.recordedAt + 1
    this.recordedAt = next > now + aheadMsMax ? now : Math.max(next, now - 1_000)
    this.seq += 1
    this.latE7 += 1
    this.lngE7 += 1
    this.pending = points - 1
  }

  /** Moves past the rest of what `advance` began. */
  finish(): void {
    this.seq += this.pending
    this.recordedAt += this.pending
    this.latE7 += this.pending
    this.lngE7 += this.pending
    this.pending = 0
  }

  private pending = 0
}
