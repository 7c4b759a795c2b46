import { Effect } from "effect"
import type { Limits } from "../config/Limits.ts"
import { CloseCode } from "../protocol/CloseCode.ts"
import { type Frame, MalformedFrame } from "../protocol/FrameCodec.ts"
import { protocolVersion, TrackingClientFrame, TrackingServerFrame } from "../protocol/FrameType.ts"
import type { OrderHub } from "../realtime/OrderHub.ts"
import type { TrackAdmission } from "../realtime/TrackGate.ts"
import { TrackSubscriber } from "../realtime/TrackSubscriber.ts"
import type { Connection, SocketBehaviour } from "./Connection.ts"

/** What tracking sockets share on a node. */
export interface TrackingNode {
  readonly limits: Limits
  readonly hub: OrderHub["Service"]
  readonly admit: (token: string) => Effect.Effect<TrackAdmission>
  readonly run: (effect: Effect.Effect<void>) => void
}

/** A customer's connection: one link, one order. */
export class TrackingSocket implements SocketBehaviour {
  private readonly connection: Connection
  private readonly node: TrackingNode
  private orderId: string | undefined
  private subscriber: TrackSubscriber | undefined
  private isOpening = false

  constructor(connection: Connection, node: TrackingNode) {
    this.connection = connection
    this.node = node
  }

  received(bytes: Uint8Array, now: number): void {
    const { connection } = this
    if (connection.isClosing || !connection.admit(now)) return
    const frame = connection.decode(bytes)
    if (frame instanceof MalformedFrame) return this.malformed()
    switch (frame[0]) {
      case TrackingClientFrame.subscribe:
        return this.subscriber === undefined && !this.isOpening ? this.subscribe(frame) : this.malformed()
      case TrackingClientFrame.auth:
        return this.subscriber === undefined ? this.malformed() : this.auth(frame, this.subscriber)
      default:
        return this.malformed()
    }
  }

  private subscribe(frame: Frame): void {
    const [, version, frameToken, epoch, offset, interval] = frame
    const { connection, node } = this
    const token = frameToken ?? connection.headerToken
    if (typeof version !== "number" || (token !== undefined && typeof token !== "string")) return this.malformed()
    if (interval !== null && interval !== undefined && !(typeof interval === "number" && Number.isFinite(interval))) {
      return this.malformed()
    }
    if (version !== protocolVersion) return connection.close(CloseCode.versionNotSupported, 0)
    if (token === undefined) return connection.close(CloseCode.tokenInvalid, 0)
    const { trackIntervalMsDefault, trackIntervalMsMin } = node.limits
    const intervalMs = Math.max(trackIntervalMsMin, typeof interval === "number" ? interval : trackIntervalMsDefault)
    this.isOpening = true
    node.run(
      Effect.flatMap(node.admit(token), (admission) => {
        if (connection.isClosing) return Effect.void
        if (admission._tag === "Refused") {
          return Effect.sync(() => connection.close(admission.code, admission.retryAfterMs))
        }
        const subscriber = new TrackSubscriber(connection, admission.sessionId, admission.expiresAtMs, intervalMs)
        return node.hub.subscribe(admission.orderId, subscriber, { epoch, offset }).pipe(
          Effect.match({
            onSuccess: () => this.subscribed(admission.orderId, subscriber),
            onFailure: (error) => {
              if (error === "order_absent") return connection.close(CloseCode.tokenInvalid, 0)
              if (error === "order_finished") return connection.close(CloseCode.trackingFinished, 0)
              if (error === "link_crowded") return connection.close(CloseCode.tooManyConnections, 0)
              return connection.close(CloseCode.databaseUnavailable, node.limits.retryAfterMs)
            }
          })
        )
      }).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            this.isOpening = false
          })
        )
      )
    )
  }

  private subscribed(orderId: string, subscriber: TrackSubscriber): void {
    // The customer left while the order was being read.
    if (this.connection.isClosing) return this.node.hub.unsubscribe(orderId, subscriber)
    this.orderId = orderId
    this.subscriber = subscriber
  }

  private auth(frame: Frame, subscriber: TrackSubscriber): void {
    const token = frame[1]
    if (typeof token !== "string") return this.malformed()
    const { connection, node } = this
    node.run(
      Effect.map(node.admit(token), (admission) => {
        if (connection.isClosing) return
        if (admission._tag === "Refused") return connection.close(admission.code, admission.retryAfterMs)
        if (admission.orderId !== this.orderId) return connection.close(CloseCode.notPermitted, 0)
        subscriber.renew(admission.sessionId, admission.expiresAtMs)
      })
    )
  }

  private malformed(): void {
    if (!this.connection.forgiveMalformed()) return
    this.connection.sendFrame([TrackingServerFrame.result, null, false, { code: "malformed_frame" }])
  }

  tick(now: number): void {
    const { connection, node } = this
    if (this.subscriber === undefined && !this.isOpening && now - connection.openedAt > node.limits.firstFrameMs) {
      connection.close(CloseCode.notAuthenticatedInTime, 0)
    }
  }

  /** A tracking token names an order and nobody in particular. */
  isEndedBy(): undefined {}

  closed(): void {
    if (this.orderId !== undefined && this.subscriber !== undefined)
      this.node.hub.unsubscribe(this.orderId, this.subscriber)
    this.subscriber = undefined
  }
}
