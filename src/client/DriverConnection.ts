import { decodeFrame, encodeFrame, type Frame, MalformedFrame } from "../protocol/FrameCodec.ts"
import { DriverClientFrame, DriverServerFrame } from "../protocol/FrameType.ts"
import { Alarm } from "./Alarm.ts"
import type { ClientClock } from "./ClientClock.ts"
import { type Comeback, isAboutToken } from "./Comeback.ts"
import type { DriverConnectionOwner } from "./DriverConnectionOwner.ts"
import type { DriverState, StopReason } from "./DriverEvents.ts"
import { type Goodbye, numberOr, readGoodbye } from "./ServerFrames.ts"
import { ServerTime } from "./ServerTime.ts"
import { SilenceWatch } from "./SilenceWatch.ts"
import type { ClientSocket, SocketFactory } from "./SocketFactory.ts"
import { TokenRenewal } from "./TokenRenewal.ts"
import type { TokenSource } from "./TokenSource.ts"

/** What a connection is made of. */
export interface DriverConnectionParts {
  readonly url: string
  readonly sockets: SocketFactory
  readonly clock: ClientClock
  readonly tokens: TokenSource
  readonly comeback: Comeback
}

/** A socket that did not open, or was not welcomed, within this is given up. */
const welcomeMsMax = 15_000
/** Frames nest less; this only bounds what a broken server can make the client do. */
const frameDepthMax = 16
/** RFC 6455: no close frame was seen. Used for whatever breaks on this side. */
const brokenCode = 1006

/** What may come before WELCOME. */
const isGreeting = (frame: Frame): boolean =>
  frame[0] === DriverServerFrame.welcome ||
  frame[0] === DriverServerFrame.goodbye ||
  frame[0] === DriverServerFrame.refused

/**
 * The life of a driver's connection: a token, a socket, HELLO, WELCOME; then PING when the server is silent and AUTH before the token
 * ends; after a loss back again, until `halt` or a close code that means for good. What points and commands are is its owner's business.
 */
export class DriverConnection {
  private readonly parts: DriverConnectionParts
  private readonly owner: DriverConnectionOwner
  private readonly clock: ClientClock
  /** The server's clock. */
  readonly time: ServerTime
  private readonly renewal: TokenRenewal
  private readonly silence = new SilenceWatch()
  private readonly alarm: Alarm
  private currentState: DriverState = "idle"
  private stopReason: StopReason | undefined
  private isReady = false
  private socket: ClientSocket | undefined
  /** Rises with every connection, so that what an older one still says is not heard. */
  private linkNo = 0
  private goodbye: Goodbye | undefined
  private comeBackAtMs = Number.POSITIVE_INFINITY
  private welcomeByMs = Number.POSITIVE_INFINITY

  constructor(parts: DriverConnectionParts, owner: DriverConnectionOwner) {
    this.parts = parts
    this.owner = owner
    this.clock = parts.clock
    this.time = new ServerTime(parts.clock)
    this.renewal = new TokenRenewal(parts.tokens, this.time, parts.clock, {
      renewed: (token) => {
        this.send([DriverClientFrame.auth, token])
        this.arm()
      },
      signedOut: () => this.halt({ kind: "signed_out" }),
      failed: (cause) => {
        owner.tokenFailed(cause)
        this.arm()
      }
    })
    this.alarm = new Alarm(parts.clock, () => {
      this.runDue(this.clock.monotonicMs())
      this.arm()
    })
  }

  get state(): DriverState {
    return this.currentState
  }

  get isLive(): boolean {
    return this.currentState === "live"
  }

  /** Why it will not come back; undefined while it may. */
  get stopped(): StopReason | undefined {
    return this.stopReason
  }

  /** When the last frame came; monotonic milliseconds. */
  get heardAtMs(): number {
    return this.silence.heardAtMs
  }

  /** Bytes handed over that have not left the process yet. */
  get bufferedBytes(): number {
    return this.socket?.bufferedBytes() ?? 0
  }

  send(frame: Frame): void {
    this.socket?.send(encodeFrame(frame))
  }

  /** Asks for a PONG: it comes after all that the server said before it. */
  ping(): void {
    this.send([DriverClientFrame.ping, this.clock.unixMs()])
  }

  /** Wants a connection; none is made before `ready`. */
  connect(): void {
    if (this.stopReason !== undefined) return
    this.setState("connecting")
    if (!this.isReady) return
    const link = ++this.linkNo
    this.comeBackAtMs = Number.POSITIVE_INFINITY
    this.welcomeByMs = this.clock.monotonicMs() + welcomeMsMax
    this.goodbye = undefined
    this.arm()
    this.parts.tokens.current(this.time.nowMs).then(
      (token) => {
        if (link !== this.linkNo) return
        if (token === undefined) this.halt({ kind: "signed_out" })
        else this.open(link, token)
      },
      (cause: unknown) => {
        if (link !== this.linkNo) return
        this.owner.tokenFailed(cause)
        this.giveUp("no token")
      }
    )
  }

  /** The owner knows what to say in HELLO. Connects if that is still wanted. */
  ready(): void {
    this.isReady = true
    if (this.currentState === "connecting") this.connect()
  }

  /** WELCOME was taken and the queue is lined up: points may flow. */
  begin(): void {
    this.welcomeByMs = Number.POSITIVE_INFINITY
    this.renewal.begin()
    this.setState("live")
  }

  /** The server settled something. */
  progressed(): void {
    this.parts.comeback.progressed()
  }

  /** Disconnects and stays away until `online`. */
  offline(): void {
    if (this.stopReason !== undefined || this.currentState === "idle") return
    this.unlink(1000, "offline")
    this.setState("offline")
  }

  /** Ends `offline`, or cuts a wait short: connects now. */
  online(): void {
    if (this.currentState !== "offline" && this.currentState !== "waiting") return
    this.parts.comeback.hurry()
    this.connect()
  }

  /** Connects anew at once, for a reason that is not the server's fault. */
  reconnect(reason: string): void {
    this.unlink(1000, reason)
    this.connect()
  }

  /** The server made no sense, or nothing came: only a new HELLO can tell where things stand. */
  giveUp(reason: string): void {
    this.lost(brokenCode, reason)
  }

  /** Ends it for good. */
  halt(stop: StopReason): void {
    if (this.stopReason !== undefined) return
    this.stopReason = stop
    this.unlink(1000, stop.kind)
    this.alarm.clear()
    this.setState("stopped")
  }

  /** A deadline may have come nearer. */
  arm(): void {
    this.alarm.set(this.nextDeadlineMs())
  }

  private setState(state: DriverState): void {
    if (this.currentState === state) return
    this.currentState = state
    this.owner.changed(state)
  }

  private open(link: number, token: string): void {
    this.socket = this.parts.sockets(this.parts.url, {
      opened: () => {
        if (link === this.linkNo) this.send(this.owner.hello(token))
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
    this.silence.heard(this.clock.monotonicMs())
    const frame = decodeFrame(bytes, frameDepthMax)
    if (frame instanceof MalformedFrame) this.giveUp(`server sent a malformed frame: ${frame.detail}`)
    else if (this.isLive || isGreeting(frame)) this.take(frame)
    this.arm()
  }

  private take(frame: Frame): void {
    if (frame[0] === DriverServerFrame.goodbye) this.goodbye = readGoodbye(frame)
    else {
      if (frame[0] === DriverServerFrame.pong) this.time.set(numberOr(frame[2], this.time.nowMs))
      this.owner.take(frame)
    }
  }

  /** Lets go of the connection; what it still says is not heard. */
  private unlink(code: number, reason: string): void {
    this.linkNo++
    this.socket?.close(code, reason)
    this.socket = undefined
    this.comeBackAtMs = Number.POSITIVE_INFINITY
    this.welcomeByMs = Number.POSITIVE_INFINITY
    this.renewal.end()
    this.owner.unlinked()
  }

  /** The connection is gone. GOODBYE tells why better than the close code, which a proxy may have lost. */
  private lost(closeCode: number, closeText: string): void {
    const goodbye = this.goodbye ?? { code: closeCode, reason: closeText, retryAfterMs: 0 }
    this.unlink(1000, "")
    this.owner.ended()
    if (isAboutToken(goodbye.code)) this.parts.tokens.refuse()
    const aftermath = this.parts.comeback.after(goodbye)
    if (aftermath.kind === "stay_away") {
      this.halt(aftermath.stop)
      return
    }
    this.comeBackAtMs = this.clock.monotonicMs() + aftermath.afterMs
    this.setState("waiting")
    this.owner.lost({ code: goodbye.code, reason: goodbye.reason, retryInMs: aftermath.afterMs })
    this.arm()
  }

  private nextDeadlineMs(): number {
    if (this.currentState === "waiting") return this.comeBackAtMs
    if (this.currentState === "connecting") return this.welcomeByMs
    if (!this.isLive) return Number.POSITIVE_INFINITY
    return Math.min(this.silence.dueAtMs, this.renewal.dueAtMs, this.owner.dueAtMs())
  }

  private runDue(nowMs: number): void {
    if (this.currentState === "waiting" && nowMs >= this.comeBackAtMs) this.connect()
    else if (this.currentState === "connecting" && nowMs >= this.welcomeByMs) this.giveUp("not welcomed in time")
    else if (this.isLive) this.runDueLive(nowMs)
  }

  private runDueLive(nowMs: number): void {
    const verdict = this.silence.verdict(nowMs)
    if (verdict === "lost") {
      this.giveUp("server is silent")
      return
    }
    if (verdict === "ping") this.ping()
    if (nowMs >= this.renewal.dueAtMs) this.renewal.run()
    this.owner.runDue(nowMs)
  }
}
