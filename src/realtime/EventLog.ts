import type { Frame } from "../protocol/FrameCodec.ts"

/** One event of a channel and its number. */
export interface LoggedEvent {
  readonly offset: number
  readonly frame: Frame
}

/**
 * A channel's events in memory: numbered from 1 within its epoch, the newest `historyMax` kept. A returning reader gets all
 * that it missed, or learns that this cannot be done; never a part.
 */
export class EventLog {
  /** Number of the newest event; 0 before the first. */
  offset = 0
  private readonly history: Array<LoggedEvent> = []
  private readonly historyMax: number

  constructor(historyMax: number) {
    this.historyMax = historyMax
  }

  append(toFrame: (offset: number) => Frame): LoggedEvent {
    const event = { offset: ++this.offset, frame: toFrame(this.offset) }
    this.history.push(event)
    if (this.history.length > this.historyMax) this.history.shift()
    return event
  }

  /** Everything after `offset`; undefined when some of it is no longer kept, or the number was never given. */
  after(offset: number): ReadonlyArray<LoggedEvent> | undefined {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > this.offset) return undefined
    const missed = this.offset - offset
    return missed > this.history.length ? undefined : this.history.slice(this.history.length - missed)
  }
}
