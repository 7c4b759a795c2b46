import type { Limits } from "../config/Limits.ts"
import type { Principal } from "../identity/Principal.ts"
import type { Revocation } from "../identity/Revocations.ts"
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
import type { CountedAddress } from "./CountedAddress.ts"

/** The endpoint's side of a connection: what a driver's, a customer's or a dispatcher's socket does with messages. */
export interface SocketBehaviour {
  /** One message; the bytes die when it returns. */
  received(bytes: Uint8Array, now: number): void
  closed(code: number): void
  /** Called every `socketTickMs`; deadlines are kept here. */
  tick(now: number): void
  /** Whether the revocation is of whoever speaks here; undefined while they have not said who they are. */
  isEndedBy(revocation: Revocation): boolean | undefined
}

/** Whether a revocation is of this token: of its auth session, or of everything its user has. */
export const isRevocationOf = (token: Pick<Principal, "sessionId" | "userId">, { kind, id }: Revocation): boolean =>
  id === (kind === "session" ? token.sessionId : token.userId)

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

/** What all connections of a listener share. */
export interface ConnectionNode {
  readonly limits: Limits
  /** Counts a connection that this side closes. */
  readonly closing: (code: CloseCode) => void
}

/** GOODBYE has this number on every endpoint. */
const goodbyeType = 42

/**
 * One WebSocket, whatever its endpoint: encoding by subprotocol, keep-alive, GOODBYE before every close, and what uWebSockets
 * needs to be told of back-pressure. Knows nothing of drivers or customers.
 *
 * A node has tens of thousands of these, nearly all of them idle. So a connection holds no closure, since one keeps all that
 * the upgrade's handler knew (360 bytes, measured), and only `openedAt` is a Unix time: V8 boxes that in 16 bytes, and
 * milliseconds since then not, until a connection is 24 days old.
 */
export class Connection implements FrameSink {
  readonly address: CountedAddress
  readonly isJson: boolean
  /** Who the upgrade's Authorization header named. */
  readonly headerPrincipal: Principal | undefined
  /** The header's bearer token as it came, where it is no access token: a tracking link's. */
  readonly headerToken: string | undefined
  readonly openedAt: number
  /** When what follows happened, milliseconds after `openedAt`. */
  private heardAfter = 0
  private pingedAfter = 0
  private framesAfter = 0
  /** Since when the peer's answer to the close frame is awaited; undefined before the first tick after it. */
  private closingAfter: number | undefined
  isClosing = false
  behaviour: SocketBehaviour | undefined
  private socket: Wire | undefined
  private malformedFrames = 0
  private frames = 0
  private readonly node: ConnectionNode

  constructor(options: {
    readonly node: ConnectionNode
    readonly address: CountedAddress
    readonly isJson: boolean
    readonly headerPrincipal: Principal | undefined
    readonly headerToken: string | undefined
    readonly now: number
  }) {
    this.node = options.node
    this.address = options.address
    this.isJson = options.isJson
    this.headerPrincipal = options.headerPrincipal
    this.headerToken = options.headerToken
    this.openedAt = options.now
  }

  /** When the peer was last heard of, by its frames or its answers to pings. Server clock, Unix ms. */
  get heardAt(): number {
    return this.openedAt + this.heardAfter
  }

  heard(now: number): void {
    this.heardAfter = this.after(now)
  }

  /** Milliseconds since `openedAt`. The difference of two boxed numbers is boxed too, until it is rounded. */
  private after(now: number): number {
    return Math.round(now - this.openedAt)
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
    this.heard(now)
    this.frames++
    const { limits } = this.node
    if (this.frames <= limits.framesPerSecondMax) return true
    this.close(4005, limits.retryAfterMs)
    return false
  }

  decode(bytes: Uint8Array): Frame | MalformedFrame {
    const { frameDepthMax } = this.node.limits
    return this.isJson ? decodeJsonFrame(bytes, frameDepthMax) : decodeFrame(bytes, frameDepthMax)
  }

  /** One frame for this reader alone. */
  sendFrame(frame: Frame): void {
    this.write(this.isJson ? encodeJsonFrame(frame) : encodeFrame(frame))
  }

  /** A frame that others get too. */
  send(frame: SharedFrame): void {
    this.write(this.isJson ? frame.text(encodeJsonFrame) : frame.bytes(encodeFrame))
  }

  /** Whether the revocation is of whoever speaks here, or of the header's token while nobody has. */
  isEndedBy(revocation: Revocation): boolean {
    const { behaviour, headerPrincipal } = this
    const isSpeaker = behaviour?.isEndedBy(revocation)
    if (isSpeaker !== undefined) return isSpeaker
    return headerPrincipal !== undefined && isRevocationOf(headerPrincipal, revocation)
  }

  get isBehind(): boolean {
    return (this.socket?.getBufferedAmount() ?? 0) > this.node.limits.behindBytes
  }

  /** Sends bytes that are encoded already (MessagePack connections only). */
  write(message: Uint8Array | string): void {
    const socket = this.socket
    if (socket === undefined || this.isClosing) return
    // 2: over maxBackpressure, not sent. This reader does not read.
    if (socket.send(message, !this.isJson) === 2) this.close(4001, this.node.limits.retryAfterMs)
  }

  /** Counts a malformed frame; true when it may still be answered, false when the connection was closed for it. */
  forgiveMalformed(): boolean {
    this.malformedFrames++
    if (this.malformedFrames <= this.node.limits.malformedFramesMax) return true
    this.close(4500, 0)
    return false
  }

  /** GOODBYE, then the close frame with the same code. */
  close(code: CloseCode, retryAfterMs: number): void {
    const socket = this.socket
    if (socket === undefined || this.isClosing) return
    this.isClosing = true
    this.node.closing(code)
    const reason = closeReason[code]
    const goodbye: Frame = [goodbyeType, code, reason, retryAfterMs]
    socket.send(this.isJson ? encodeJsonFrame(goodbye) : encodeFrame(goodbye), !this.isJson)
    socket.end(code, reason)
  }

  /** Keep-alive and deadlines; every `socketTickMs`. */
  tick(now: number): void {
    const { limits } = this.node
    const after = this.after(now)
    if (after - this.framesAfter >= 1_000) {
      this.framesAfter = after
      this.frames = 0
    }
    const socket = this.socket
    if (socket === undefined) return
    if (this.isClosing) {
      // A peer that does not read never sees the close frame; it is not waited for.
      this.closingAfter ??= after
      if (after - this.closingAfter > limits.closeAnswerMs) socket.close()
      return
    }
    if (after - this.heardAfter > limits.socketSilentMs) return this.close(4002, limits.retryAfterMs)
    if (after - this.pingedAfter >= limits.pingEveryMs) {
      this.pingedAfter = after
      socket.ping()
    }
    this.behaviour?.tick(now)
  }
}
