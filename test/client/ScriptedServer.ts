import type { SocketEvents, SocketFactory } from "../../src/client/SocketFactory.ts"
import { decodeFrame, encodeFrame, type Frame, MalformedFrame } from "../../src/protocol/FrameCodec.ts"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { PointBlock } from "../../src/protocol/PointBlock.ts"
import { readPointFrame } from "../../src/protocol/PointFrames.ts"
import type { VirtualClock } from "./VirtualClock.ts"

const latencyMs = 5
const windowGraceMs = 10_000

/** One connection as the peer sees it. */
export interface Link {
  readonly frames: Array<Frame>
  deviceId: string
  /** Received in order and not committed yet. */
  buffer: Array<number>
  isOpen: boolean
  /** The server has let go of it; the client does not know yet. */
  isDropped: boolean
  isWelcomed: boolean
  isDiscarding: boolean
  readonly events: SocketEvents
}

/**
 * The other end of the driver protocol, told by the test what to do: it takes points in order, commits when it is told, and
 * writes down every breach of the rules by the client. Frames take 5 ms of the virtual clock each way.
 */
export class ScriptedServer {
  readonly links: Array<Link> = []
  /** Times of committed points by device; index 0 is seq 1. */
  readonly committed = new Map<string, Array<number>>()
  readonly breaches: Array<string> = []
  window = 100
  cadence: Record<string, number> = { moving_ms: 1_000, idle_ms: 5_000, batch: 1 }
  /** Answers HELLO by itself. */
  welcomes = true
  /** Refuses connections, as a server that is not there. */
  isAway = false
  answersCommands = true
  /** What follows each WELCOME. */
  withWelcome: ReadonlyArray<Frame> = []
  /** How far this clock is ahead of the client's. */
  aheadMs = 0
  private readonly clock: VirtualClock
  private grants: Array<{ window: number; endedAtMs: number }> = []

  constructor(clock: VirtualClock) {
    this.clock = clock
  }

  get link(): Link {
    const link = this.links.at(-1)
    if (link === undefined) throw new Error("no connection was made")
    return link
  }

  get points(): ReadonlyArray<number> {
    return this.committed.get(this.link.deviceId) ?? []
  }

  readonly sockets: SocketFactory = (_url, events) => {
    const link: Link = {
      frames: [],
      deviceId: "",
      buffer: [],
      isOpen: true,
      isDropped: false,
      isWelcomed: false,
      isDiscarding: false,
      events
    }
    this.links.push(link)
    if (this.isAway) this.later(() => this.drop(link, 1006))
    else this.later(() => link.isOpen && events.opened())
    return {
      send: (bytes) => {
        const copy = bytes.slice()
        this.later(() => link.isOpen && !link.isDropped && this.received(link, copy))
      },
      close: () => {
        link.isOpen = false
      },
      bufferedBytes: () => 0
    }
  }

  /** Sends a frame to the client. */
  tell(frame: Frame, link: Link = this.link): void {
    const bytes = encodeFrame(frame)
    this.later(() => link.isOpen && link.events.received(bytes))
  }

  /** Ends the connection; what was not committed is forgotten. */
  drop(link: Link = this.link, code = 1006): void {
    if (!link.isOpen) return
    link.isDropped = true
    this.later(() => {
      if (link.isOpen) link.events.closed(code, "")
      link.isOpen = false
    })
    link.buffer = []
    link.isWelcomed = false
  }

  goodbye(code: number, retryAfterMs = 0): void {
    this.tell([DriverServerFrame.goodbye, code, "scripted", retryAfterMs])
    this.drop(this.link, code)
  }

  credit(window: number): void {
    this.grants.push({ window: this.window, endedAtMs: this.clock.nowMs })
    this.window = window
    this.tell([DriverServerFrame.credit, window])
  }

  /** Commits up to `count` buffered points and acknowledges them. */
  commit(count = Number.POSITIVE_INFINITY): void {
    const { link } = this
    if (!link.isWelcomed) return
    const done = link.buffer.splice(0, Math.min(count, link.buffer.length))
    if (done.length === 0) return
    this.deviceOf(link).push(...done)
    this.tell([DriverServerFrame.ack, this.deviceOf(link).length])
  }

  /** Forgets what is buffered, as if it had never arrived, and asks for it again. */
  loseBuffer(retryAfterMs: number): void {
    const { link } = this
    if (!link.isWelcomed) return
    link.buffer = []
    link.isDiscarding = true
    this.tell([DriverServerFrame.refused, this.expectedSeq(link), "sequence_gap", retryAfterMs])
  }

  /** Repeats a refusal that the client has already followed: what it sent again has arrived by then. */
  repeatRefusal(): void {
    const { link } = this
    if (!link.isWelcomed) return
    this.tell([DriverServerFrame.refused, this.deviceOf(link).length + 1, "sequence_gap", 100])
  }

  private later(act: () => void): void {
    this.clock.setTimer(act, latencyMs)
  }

  private deviceOf(link: Link): Array<number> {
    const known = this.committed.get(link.deviceId)
    if (known !== undefined) return known
    const made: Array<number> = []
    this.committed.set(link.deviceId, made)
    return made
  }

  private expectedSeq(link: Link): number {
    return this.deviceOf(link).length + link.buffer.length + 1
  }

  private received(link: Link, bytes: Uint8Array): void {
    const frame = decodeFrame(bytes, 4)
    if (frame instanceof MalformedFrame) {
      this.breaches.push(frame.detail)
      return
    }
    link.frames.push(frame)
    switch (frame[0]) {
      case DriverClientFrame.hello:
        if (this.welcomes) this.welcome(link, frame)
        break
      case DriverClientFrame.point:
      case DriverClientFrame.batch:
        this.takePoints(link, frame)
        break
      case DriverClientFrame.ping:
        this.tell([DriverServerFrame.pong, frame[1], this.clock.unixMs() + this.aheadMs], link)
        break
      case DriverClientFrame.duty:
      case DriverClientFrame.offerReply:
      case DriverClientFrame.task:
        if (this.answersCommands) this.tell([DriverServerFrame.result, frame[1], true, null], link)
        break
    }
  }

  private welcome(link: Link, hello: Frame): void {
    link.deviceId = String(hello[3])
    link.isWelcomed = true
    const device = this.deviceOf(link)
    this.grants = []
    this.tell(
      [
        DriverServerFrame.welcome,
        "ses_1",
        device.length,
        this.window,
        this.clock.unixMs() + this.aheadMs,
        this.cadence,
        device.at(-1) ?? null
      ],
      link
    )
    for (const frame of this.withWelcome) this.tell(frame, link)
  }

  private takePoints(link: Link, frame: Frame): void {
    if (!link.isWelcomed) {
      this.breaches.push("points before WELCOME")
      return
    }
    const block = new PointBlock(500)
    const malformed = readPointFrame(frame, block)
    if (malformed !== undefined) this.breaches.push(malformed.detail)
    if (block.faulty) this.breaches.push("a faulty point")
    for (let i = 0; i < block.count; i++) this.takePoint(link, block.firstSeq + i, block.recordedAt[i] as number)
  }

  private takePoint(link: Link, seq: number, recordedAt: number): void {
    const expected = this.expectedSeq(link)
    if (seq < expected) return
    if (seq > expected) {
      if (!link.isDiscarding) {
        link.isDiscarding = true
        this.tell([DriverServerFrame.refused, expected, "sequence_gap", 250], link)
      }
      return
    }
    link.isDiscarding = false
    link.buffer.push(recordedAt)
    if (link.buffer.length > this.windowInForce())
      this.breaches.push(`${link.buffer.length} points unacknowledged, window ${this.window}`)
  }

  /** The largest window granted in the last 10 s still counts. */
  private windowInForce(): number {
    const since = this.clock.nowMs - windowGraceMs
    return Math.max(
      this.window,
      ...this.grants.filter(({ endedAtMs }) => endedAtMs >= since).map(({ window }) => window)
    )
  }
}
