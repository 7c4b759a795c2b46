import type { Limits } from "../config/Limits.ts"
import type { Principal } from "../identity/Principal.ts"
import { type CloseCode, closeReason } from "../protocol/CloseCode.ts"
import {
  decodeFrame,
  decodeJsonFrame,
  encodeFrame,
  encodeJsonFrame,
  type Frame,
  type MalformedFrame
} from "../protocol/FrameCodec.ts"

import type { FrameSink, SharedFrame } from "../realtime/FrameSink.ts"

/** The endpoint's side of a connection: what a driver's, a customer's or a dispatcher's socket does with messages. */
export interface SocketBehaviour {
  /** One message; the bytes die when it returns. */
  received(bytes: Uint8Array, now: number): void
  closed(code: number): void
  /** Called every `socketTickMs`; deadlines are kept here. */
  tick(now: number): void
  /** Whether whoever speaks here has said who they are. */
  readonly principal: Principal | undefined
}

/** What a connection needs of a WebSocket. `send` answers 2 when the message was dropped for back-pressure. */
export interface Wire {
  send(message: Uint8Array | string, isBinary: boolean): number
  /** Bytes that the peer has not taken yet. */
  getBufferedAmount(): number
  ping(): unknown
  end(code: number, reason: string): void
  /** Cuts the connection without a close frame. */
  close(): void
}

/** GOODBYE has this number on every endpoint. */
const goodbyeType = 42

/**
 * One WebSocket, whatever its endpoint: encoding by subprotocol, keep-alive, GOODBYE before every close, and what uWebSockets
 * needs to be told of back-pressure. Knows nothing of drivers or customers.
 */
export class Connection implements FrameSink {
  readonly address: string
  readonly isJson: boolean
  /** Who the upgrade's Authorization header named. */
  readonly headerPrincipal: Principal | undefined
  /** The header's bearer token as it came, where it is no access token: a tracking link's. */
  readonly headerToken: string | undefined
  readonly openedAt: number
  heardAt: number
  pingedAt: number
  isClosing = false
  /** Since when the peer's answer to the close frame is awaited; undefined before the first tick after it. */
  private closingSince: number | undefined
  private framesSince = 0
  behaviour: SocketBehaviour | undefined
  private socket: Wire | undefined
  private malformedFrames = 0
  private frames = 0
  private readonly limits: Limits
  private readonly onClose: (code: CloseCode) => void

  constructor(options: {
    readonly address: string
    readonly isJson: boolean
    readonly headerPrincipal: Principal | undefined
    readonly headerToken: string | undefined
    readonly now: number
    readonly limits: Limits
    readonly onClose: (code: CloseCode) => void
  }) {
    this.address = options.address
    this.isJson = options.isJson
    this.headerPrincipal = options.headerPrincipal
    this.headerToken = options.headerToken
    this.openedAt = options.now
    this.heardAt = options.now
    this.pingedAt = options.now
    this.limits = options.limits
    this.onClose = options.onClose
  }

  attach(socket: Wire): void {
    this.socket = socket
  }

  /** The socket is gone; whatever is said from now on goes nowhere. */
  detach(): void {
    this.socket = undefined
    this.isClosing = true
  }

  /** Counts a frame; false when the connection speaks too fast and was closed. Counted anew each second. */
  admit(now: number): boolean {
    this.heardAt = now
    this.frames++
    if (this.frames <= this.limits.framesPerSecondMax) return true
    this.close(4005, this.limits.retryAfterMs)
    return false
  }

  decode(bytes: Uint8Array): Frame | MalformedFrame {
    return this.isJson
      ? decodeJsonFrame(bytes, this.limits.frameDepthMax)
      : decodeFrame(bytes, this.limits.frameDepthMax)
  }

  /** One frame for this reader alone. */
  sendFrame(frame: Frame): void {
    this.write(this.isJson ? encodeJsonFrame(frame) : encodeFrame(frame))
  }

  /** A frame that others get too. */
  send(frame: SharedFrame): void {
    this.write(this.isJson ? frame.text(encodeJsonFrame) : frame.bytes(encodeFrame))
  }

  get isBehind(): boolean {
    return (this.socket?.getBufferedAmount() ?? 0) > this.limits.behindBytes
  }

  /** Sends bytes that are encoded already (MessagePack connections only). */
  write(message: Uint8Array | string): void {
    const socket = this.socket
    if (socket === undefined || this.isClosing) return
    // 2: over maxBackpressure, not sent. This reader does not read.
    if (socket.send(message, !this.isJson) === 2) this.close(4001, this.limits.retryAfterMs)
  }

  /** Counts a malformed frame; true when it may still be answered, false when the connection was closed for it. */
  forgiveMalformed(): boolean {
    this.malformedFrames++
    if (this.malformedFrames <= this.limits.malformedFramesMax) return true
    this.close(4500, 0)
    return false
  }

  /** GOODBYE, then the close frame with the same code. */
  close(code: CloseCode, retryAfterMs: number): void {
    const socket = this.socket
    if (socket === undefined || this.isClosing) return
    this.isClosing = true
    this.onClose(code)
    const reason = closeReason[code]
    const goodbye: Frame = [goodbyeType, code, reason, retryAfterMs]
    socket.send(this.isJson ? encodeJsonFrame(goodbye) : encodeFrame(goodbye), !this.isJson)
    socket.end(code, reason)
  }

  /** Keep-alive and deadlines; every `socketTickMs`. */
  tick(now: number): void {
    if (now - this.framesSince >= 1_000) {
      this.framesSince = now
      this.frames = 0
    }
    const socket = this.socket
    if (socket === undefined) return
    if (this.isClosing) {
      // A peer that does not read never sees the close frame; it is not waited for.
      this.closingSince ??= now
      if (now - this.closingSince > this.limits.closeAnswerMs) socket.close()
      return
    }
    if (now - this.heardAt > this.limits.socketSilentMs) return this.close(4002, this.limits.retryAfterMs)
    if (now - this.pingedAt >= this.limits.pingEveryMs) {
      this.pingedAt = now
      socket.ping()
    }
    this.behaviour?.tick(now)
  }
}
