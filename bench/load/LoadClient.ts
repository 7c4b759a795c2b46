import type { Dialect } from "./Dialect.ts"
import { RawSocket, type RawTarget } from "./RawSocket.ts"
import { Track } from "./Track.ts"

/** What the clients of one load process share and tell it. */
export interface LoadShared {
  readonly dialect: Dialect
  readonly framePoints: number
  /** `performance.now()` of the last turn of the loop: one clock reading serves all that happens in it. */
  readonly nowMs: () => number
  readonly acked: (client: LoadClient, points: number, fromSeq: number) => void
  readonly sent: (points: number) => void
  readonly surprised: (text: string) => void
}

/** One simulated phone: a socket, its track, and how many points it may have unacknowledged. */
export class LoadClient {
  readonly index: number
  readonly track: Track
  ackedSeq = 0
  /** Points that may be on the way; 0 until the load begins and after it has stopped. */
  windowPoints = 0
  /** Frames that a paced load owes this socket because its window was full. */
  owedFrames = 0
  readonly welcomed: Promise<void>
  private creditPoints = Number.POSITIVE_INFINITY
  private readonly socket: RawSocket
  private readonly shared: LoadShared
  private welcome: () => void = () => {}

  constructor(
    index: number,
    target: RawTarget,
    identity: { readonly token: string; readonly deviceId: string },
    shared: LoadShared
  ) {
    this.index = index
    this.shared = shared
    this.track = new Track(index, Date.now())
    let refuse: (error: Error) => void = () => {}
    this.welcomed = new Promise((resolve, reject) => {
      this.welcome = resolve
      refuse = reject
    })
    this.socket = new RawSocket(target, {
      open: () => {
        const greeting = shared.dialect.greeting(identity)
        if (greeting !== undefined) this.socket.write(greeting)
      },
      payload: (bytes, start, end) => this.received(bytes, start, end),
      end: (reason) => {
        refuse(new Error(`socket ${index}: ${reason}`))
        shared.surprised(reason)
      }
    })
  }

  get inFlight(): number {
    return this.track.seq - this.ackedSeq
  }

  /** Sends as many frames as window and credit allow, at most `framesMax`; answers how many. */
  send(framesMax: number): number {
    const { dialect, framePoints } = this.shared
    const room = Math.min(this.windowPoints, this.creditPoints) - this.inFlight
    const frames = Math.min(framesMax, Math.floor(room / framePoints))
    if (frames <= 0) return 0
    const bytes = Buffer.allocUnsafe(frames * dialect.frameBytes)
    const now = Date.now()
    let at = 0
    for (let i = 0; i < frames; i++) at = dialect.write(this.track, bytes, at, now)
    this.socket.write(at === bytes.length ? bytes : bytes.subarray(0, at))
    this.shared.sent(frames * framePoints)
    return frames
  }

  destroy(): void {
    this.socket.destroy()
  }

  private received(bytes: Buffer, start: number, end: number): void {
    const reply = this.shared.dialect.read(bytes, start, end)
    switch (reply._tag) {
      case "Acked":
        return this.acked(reply.seq)
      case "Settled":
        return this.acked(this.ackedSeq + reply.points)
      case "Welcome":
        this.track.seq = reply.ackedSeq
        this.ackedSeq = reply.ackedSeq
        return this.welcome()
      case "Credit":
        this.creditPoints = reply.window
        return this.acked(this.ackedSeq)
      case "Say":
        return this.socket.write(reply.bytes)
      case "Surprise":
        return this.shared.surprised(reply.text)
      case "Nothing":
        return
    }
  }

  private acked(seq: number): void {
    const from = this.ackedSeq
    this.ackedSeq = seq
    this.shared.acked(this, seq - from, from)
  }
}
