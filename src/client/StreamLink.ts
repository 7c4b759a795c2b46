import { decodeFrame, encodeFrame, type Frame, MalformedFrame } from "../protocol/FrameCodec.ts"
import { Alarm } from "./Alarm.ts"
import { type BackoffBounds, defaultBackoff } from "./Backoff.ts"
import { type ClientClock, systemClock } from "./ClientClock.ts"
import { Comeback, isAboutToken } from "./Comeback.ts"
import type { StopReason } from "./DriverEvents.ts"
import { type Goodbye, readGoodbye } from "./ServerFrames.ts"
import { ServerTime } from "./ServerTime.ts"
import { type ClientSocket, type SocketFactory, webSocketFactory } from "./SocketFactory.ts"
import { TokenRenewal } from "./TokenRenewal.ts"
import { type TokenProvider, TokenSource } from "./TokenSource.ts"

/**
 * `idle` not started; `connecting` opening a socket or awaiting the stream's beginning; `live` begun; `waiting` lost, will come back by
 * itself; `offline` told to stay away by `offline()`; `stopped` for good.
 */
export type StreamState = "idle" | "connecting" | "live" | "waiting" | "offline" | "stopped"

/** A connection that was lost, and when the next one is tried. */
export interface Loss {
  readonly code: number
  readonly reason: string
  readonly retryInMs: number
}

/** What every stream client can be told from outside. */
export interface StreamOptions {
  /** `ws://host:port/v1/...`, or `wss:`. Never holds a token. */
  readonly url: string
  readonly token: TokenProvider
  readonly sockets?: SocketFactory
  readonly clock?: ClientClock
  /** Uniform in [0, 1). */
  readonly random?: () => number
  readonly backoff?: BackoffBounds
}

/** What one kind of stream makes of a connection. */
export interface StreamKind {
  /** The first frame of a connection; it carries the position to resume from. */
  readonly subscribe: (token: string) => Frame
  /** Handles a frame. `begun` after a whole beginning (a snapshot, or that the stream was resumed), `broken` when it cannot be read. */
  readonly take: (frame: Frame) => "begun" | "taken" | "broken"
  readonly authFrame: (token: string) => Frame
  /** A frame that the server must answer, to learn whether a silent connection still stands; undefined: a new connection is the only way. */
  readonly probe: () => Frame | undefined
  readonly changed: (state: StreamState) => void
  readonly lost: (loss: Loss) => void
  readonly tokenFailed: (cause: unknown) => void
}

/** GOODBYE has this number on every endpoint. */
const goodbyeType = 42
/** A socket that did not open, or a stream that did not begin, within this is given up. */
const beginMsMax = 15_000
/** A stream that says nothing this long is asked whether it still stands; unanswered as long again, it is given up. */
const probeAfterMs = 25_000
const answerMsMax = 10_000
/** Without a probe a silent stream is taken up anew after this: resuming costs two frames. */
const silentMsMax = 90_000
/** A stream that lived this long was a good one: the next loss begins with the shortest wait. */
const steadyAfterMs = 5_000
/** Frames nest less; this only bounds what a broken server can make the client do. */
const frameDepthMax = 16

/**
 * The life of a stream's connection: opens it with a token, comes back with full jitter, renews the token in time, notices a silent
 * one, stops for good at 4500 and above. What frames mean is the `StreamKind`'s business.
 */
export class StreamLink {
  private readonly url: string
  private readonly kind: StreamKind
  private readonly clock: ClientClock
  private readonly sockets: SocketFactory
  private readonly tokens: TokenSource
  private readonly time: ServerTime
  private readonly renewal: TokenRenewal
  private readonly comeback: Comeback
  private readonly alarm: Alarm
  private currentState: StreamState = "idle"
  private stopReason: StopReason | undefined
  private socket: ClientSocket | undefined
  /** Rises with every connection, so that what an older one still says is not heard. */
  private linkNo = 0
  private goodbye: Goodbye | undefined
  private comeBackAtMs = Number.POSITIVE_INFINITY
  private beginByMs = Number.POSITIVE_INFINITY
  private begunAtMs = Number.POSITIVE_INFINITY
  private heardAtMs = 0
  private probedAtMs = Number.NEGATIVE_INFINITY

  /** @throws RangeError when the URL is not a `ws:` or `wss:` URL. */
  constructor(options: StreamOptions, kind: StreamKind) {
    if (!/^wss?:$/.test(URL.parse(options.url)?.protocol ?? ""))
      throw new RangeError(`not a ws: or wss: URL: ${options.url}`)
    this.url = options.url
    this.kind = kind
    this.clock = options.clock ?? systemClock
    this.sockets = options.sockets ?? webSocketFactory()
    this.tokens = new TokenSource(options.token)
    this.time = new ServerTime(this.clock)
    this.comeback = new Comeback(options.backoff ?? defaultBackoff, options.random ?? Math.random)
    this.renewal = new TokenRenewal(this.tokens, this.time, this.clock, {
      renewed: (token) => {
        this.send(kind.authFrame(token))
        this.arm()
      },
      signedOut: () => this.halt({ kind: "signed_out" }),
      failed: (cause) => {
        kind.tokenFailed(cause)
        this.arm()
      }
    })
    this.alarm = new Alarm(this.clock, () => {
      this.runDue(this.clock.monotonicMs())
      this.arm()
    })
  }

  get state(): StreamState {
    return this.currentState
  }

  /** Why it stopped; undefined while it has not. */
  get stopped(): StopReason | undefined {
    return this.stopReason
  }

  /** The server's clock, Unix milliseconds, as far as it has told. */
  serverNowMs(): number {
    return this.time.nowMs
  }

  /** The server said what time it is. */
  setServerTime(serverMs: number): void {
    this.time.set(serverMs)
  }

  start(): void {
    if (this.currentState === "idle") this.connect()
  }

  /** The device has no network: disconnects and waits for `online`. */
  offline(): void {
    if (this.stopReason !== undefined || this.currentState === "idle") return
    this.unlink(1000, "offline")
    this.setState("offline")
  }

  /** Ends `offline()`, or cuts a wait short: connects now. */
  online(): void {
    if (this.currentState !== "offline" && this.currentState !== "waiting") return
    this.comeback.hurry()
    this.connect()
  }

  stop(): void {
    this.halt({ kind: "requested" })
  }

  /** Sends a frame on a stream that has begun; false when there is none. */
  send(frame: Frame): boolean {
    if (this.currentState !== "live") return false
    this.socket?.send(encodeFrame(frame))
    return true
  }

  private setState(state: StreamState): void {
    if (this.currentState === state) return
    this.currentState = state
    this.kind.changed(state)
  }

  private connect(): void {
    const link = ++this.linkNo
    this.comeBackAtMs = Number.POSITIVE_INFINITY
    this.beginByMs = this.clock.monotonicMs() + beginMsMax
    this.goodbye = undefined
    this.setState("connecting")
    this.arm()
    this.tokens.current(this.time.nowMs).then(
      (token) => {
        if (link !== this.linkNo) return
        if (token === undefined) this.halt({ kind: "signed_out" })
        else this.open(link, token)
      },
      (cause: unknown) => {
        if (link !== this.linkNo) return
        this.kind.tokenFailed(cause)
        this.lost(1006, "no token")
      }
    )
  }

  private open(link: number, token: string): void {
    this.socket = this.sockets(this.url, {
      opened: () => {
        if (link === this.linkNo) this.socket?.send(encodeFrame(this.kind.subscribe(token)))
      },
      received: (bytes) => {
        if (link === this.linkNo) this.received(bytes)
      },
      closed: (code, reason) => {
        if (link === this.linkNo) this.lost(code, reason)
      }
    })
  }

  private received(bytes: Uint8Array): void {
    const link = this.linkNo
    this.heardAtMs = this.clock.monotonicMs()
    const frame = decodeFrame(bytes, frameDepthMax)
    if (frame instanceof MalformedFrame) return this.lost(1006, `server sent a malformed frame: ${frame.detail}`)
    if (frame[0] === goodbyeType) {
      this.goodbye = readGoodbye(frame)
      return
    }
    let taken: ReturnType<StreamKind["take"]>
    try {
      taken = this.kind.take(frame)
    } catch (cause) {
      // The recovery position has not moved past this frame, so the next connection gets it once more.
      this.lost(1006, "a frame could not be handled")
      throw cause
    }
    if (link !== this.linkNo) return
    if (taken === "broken") return this.lost(1006, `server sent a broken frame of type ${frame[0]}`)
    if (taken === "begun" && this.currentState === "connecting") this.begin()
    this.arm()
  }

  private begin(): void {
    this.beginByMs = Number.POSITIVE_INFINITY
    this.begunAtMs = this.heardAtMs
    this.renewal.begin()
    this.setState("live")
  }

  /** Lets go of the connection; what it still says is not heard. */
  private unlink(code: number, reason: string): void {
    this.linkNo++
    this.socket?.close(code, reason)
    this.socket = undefined
    this.comeBackAtMs = Number.POSITIVE_INFINITY
    this.beginByMs = Number.POSITIVE_INFINITY
    this.renewal.end()
  }

  /** The connection is gone. GOODBYE tells why better than the close code, which a proxy may have lost. */
  private lost(closeCode: number, closeText: string): void {
    const goodbye = this.goodbye ?? { code: closeCode, reason: closeText, retryAfterMs: 0 }
    const nowMs = this.clock.monotonicMs()
    if (nowMs - this.begunAtMs >= steadyAfterMs) this.comeback.progressed()
    this.begunAtMs = Number.POSITIVE_INFINITY
    this.unlink(1000, "")
    if (isAboutToken(goodbye.code)) this.tokens.refuse()
    const aftermath = this.comeback.after(goodbye)
    if (aftermath.kind === "stay_away") return this.halt(aftermath.stop)
    this.comeBackAtMs = nowMs + aftermath.afterMs
    this.setState("waiting")
    this.kind.lost({ code: goodbye.code, reason: goodbye.reason, retryInMs: aftermath.afterMs })
    this.arm()
  }

  private halt(stop: StopReason): void {
    if (this.stopReason !== undefined) return
    this.stopReason = stop
    this.unlink(1000, stop.kind)
    this.alarm.clear()
    this.setState("stopped")
  }

  // Time

  private get isProbed(): boolean {
    return this.probedAtMs > this.heardAtMs
  }

  /** When the silence of the server has to be looked into. */
  private quietAtMs(): number {
    if (this.isProbed) return this.probedAtMs + answerMsMax
    return this.heardAtMs + (this.kind.probe() === undefined ? silentMsMax : probeAfterMs)
  }

  private nextDeadlineMs(): number {
    if (this.currentState === "waiting") return this.comeBackAtMs
    if (this.currentState === "connecting") return this.beginByMs
    if (this.currentState !== "live") return Number.POSITIVE_INFINITY
    return Math.min(this.quietAtMs(), this.renewal.dueAtMs)
  }

  /** A deadline may have come nearer. */
  private arm(): void {
    this.alarm.set(this.nextDeadlineMs())
  }

  private runDue(nowMs: number): void {
    if (this.currentState === "waiting" && nowMs >= this.comeBackAtMs) this.connect()
    else if (this.currentState === "connecting" && nowMs >= this.beginByMs) this.lost(1006, "not begun in time")
    else if (this.currentState === "live") {
      if (nowMs >= this.quietAtMs()) this.lookIntoSilence(nowMs)
      if (nowMs >= this.renewal.dueAtMs) this.renewal.run()
    }
  }

  private lookIntoSilence(nowMs: number): void {
    const probe = this.isProbed ? undefined : this.kind.probe()
    if (probe === undefined) return this.takeUpAnew()
    this.probedAtMs = nowMs
    this.send(probe)
  }

  /** A new connection in the place of a silent one, at once: nobody has said that anything is wrong. */
  private takeUpAnew(): void {
    this.begunAtMs = Number.POSITIVE_INFINITY
    this.unlink(1000, "silent")
    this.connect()
  }
}
