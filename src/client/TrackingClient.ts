import { isShipmentEventType, statusAfterEvent } from "../domain/ShipmentEvent.ts"
import { isShown, type TrackingStage, trackingStages } from "../domain/TrackingStage.ts"
import type { Frame } from "../protocol/FrameCodec.ts"
import { protocolVersion, TrackingClientFrame, TrackingServerFrame } from "../protocol/FrameType.ts"
import type { StopReason } from "./DriverEvents.ts"
import { type Loss, StreamLink, type StreamOptions, type StreamState } from "./StreamLink.ts"
import {
  readEta,
  readPosition,
  readTimelineEvent,
  readTrackedOrder,
  type TimelineEvent,
  type TrackedOrder
} from "./TrackingFrames.ts"

/** What a customer's page listens to. */
export interface TrackingListener {
  readonly state?: (state: StreamState, stop: StopReason | undefined) => void
  readonly lost?: (loss: Loss) => void
  /** The order as it is now; a new object each time. */
  readonly changed?: (order: TrackedOrder) => void
  /** At least once: a listener that throws gets the event again. Events of a snapshot's timeline are not repeated here. */
  readonly event?: (event: TimelineEvent) => void
}

/** Options of a tracking client. */
export interface TrackingClientOptions extends Omit<StreamOptions, "token"> {
  /** What the link opens with; a token that the server refuses cannot be renewed by asking again. */
  readonly token: string
  readonly minIntervalMs?: number
}

const isStage = (value: unknown): value is TrackingStage => trackingStages.some((stage) => stage === value)

/**
 * A customer's view of one order (02-protocol, section 3): comes back by itself, resumes from the last event that was handled, and
 * forgets at once what a stage no longer shows.
 */
export class TrackingClient {
  private readonly listener: TrackingListener
  private readonly options: TrackingClientOptions
  private readonly link: StreamLink
  private current: TrackedOrder | undefined
  /** Whatever names the server's log; only ever compared and sent back. */
  private epoch: string | number | null = null
  private offset: number | null = null

  /** @throws RangeError when the URL is not a `ws:` or `wss:` URL. */
  constructor(options: TrackingClientOptions, listener: TrackingListener) {
    this.listener = listener
    this.options = options
    this.link = new StreamLink(
      { ...options, token: () => Promise.resolve(options.token) },
      {
        subscribe: (token) => this.subscribeFrame(token),
        take: (frame) => this.take(frame),
        authFrame: (token) => [TrackingClientFrame.auth, token],
        probe: () => undefined,
        changed: (state) => this.listener.state?.(state, this.link.stopped),
        lost: (loss) => this.listener.lost?.(loss),
        tokenFailed: () => undefined
      }
    )
  }

  get state(): StreamState {
    return this.link.state
  }

  get stopped(): StopReason | undefined {
    return this.link.stopped
  }

  /** Undefined before the first snapshot. */
  get order(): TrackedOrder | undefined {
    return this.current
  }

  start(): void {
    this.link.start()
  }

  offline(): void {
    this.link.offline()
  }

  online(): void {
    this.link.online()
  }

  stop(): void {
    this.link.stop()
  }

  private subscribeFrame(token: string): Frame {
    const { minIntervalMs = null } = this.options
    return [TrackingClientFrame.subscribe, protocolVersion, token, this.epoch, this.offset, minIntervalMs]
  }

  private take(frame: Frame): "begun" | "taken" | "broken" {
    switch (frame[0]) {
      case TrackingServerFrame.snapshot:
        return this.snapshot(frame)
      case TrackingServerFrame.resumed:
        return this.resumed(frame)
      case TrackingServerFrame.event:
        return this.event(frame)
      case TrackingServerFrame.position:
        return this.position(frame)
      case TrackingServerFrame.stage:
        return this.stage(frame[1])
      case TrackingServerFrame.eta:
        return this.eta(frame)
      default:
        // RESULT answers frames that this client does not send badly; other types are a newer server's business.
        return "taken"
    }
  }

  private snapshot(frame: Frame): "begun" | "broken" {
    const [, epoch, offset, state] = frame
    const order = readTrackedOrder(state)
    if ((typeof epoch !== "string" && typeof epoch !== "number") || typeof offset !== "number" || order === undefined)
      return "broken"
    this.tell(order)
    this.epoch = epoch
    this.offset = offset
    return "begun"
  }

  /** Whether the estimate still holds is told anew, if it does. */
  private resumed(frame: Frame): "begun" | "broken" {
    if (frame[1] !== this.epoch || this.current === undefined) return "broken"
    this.change({ eta: undefined, remainingM: undefined, stopsAhead: undefined })
    return "begun"
  }

  private stage(stage: unknown): "taken" | "broken" {
    if (!isStage(stage)) return "broken"
    // A hand-off between drivers is no event for customers; the stage is all that tells of it.
    const isWaiting = stage === "scheduled" && this.current?.shipmentStatus !== undefined
    const isBehind = isWaiting && this.current?.shipmentStatus !== "created"
    return this.change({ stage, ...(isBehind ? { shipmentStatus: "dispatching" } : {}) })
  }

  private event(frame: Frame): "taken" | "broken" {
    const event = readTimelineEvent(frame)
    if (event === undefined || this.current === undefined) return "broken"
    if (this.offset !== null && event.offset <= this.offset) return "taken"
    // A listener that threw gets the event again; the timeline has it already.
    const before = this.current.timeline.filter((known) => known.offset !== event.offset)
    const shipmentStatus =
      (isShipmentEventType(event.type) ? statusAfterEvent[event.type] : undefined) ?? this.current.shipmentStatus
    this.tell({ ...this.current, shipmentStatus, timeline: [...before, event] })
    this.listener.event?.(event)
    this.offset = event.offset
    return "taken"
  }

  private position(frame: Frame): "taken" | "broken" {
    const position = readPosition(frame.slice(1))
    return position === undefined ? "broken" : this.change({ position })
  }

  private eta(frame: Frame): "taken" | "broken" {
    const remainingM = typeof frame[3] === "number" ? frame[3] : undefined
    const stopsAhead = typeof frame[4] === "number" ? frame[4] : undefined
    // Stops ahead are known exactly when the driver's place is what the estimate rests on.
    const eta = readEta(frame[1], frame[2], stopsAhead === undefined ? "schedule" : "position")
    return this.change({ eta, remainingM, stopsAhead })
  }

  private change(change: Partial<TrackedOrder>): "taken" | "broken" {
    if (this.current === undefined) return "broken"
    this.tell({ ...this.current, ...change })
    return "taken"
  }

  private tell(order: TrackedOrder): void {
    this.current = asShown(order)
    this.listener.changed?.(this.current)
  }
}

/** Leaves out what the stage does not show: a page must not go on showing a driver who is no longer on the way here. */
const asShown = (order: TrackedOrder): TrackedOrder => {
  const { stage } = order
  if (!isStage(stage)) return order
  return {
    ...order,
    driver: isShown(stage, "driver") ? order.driver : undefined,
    position: isShown(stage, "position") ? order.position : undefined,
    eta: isShown(stage, "eta") ? order.eta : undefined,
    remainingM: isShown(stage, "stops_ahead") ? order.remainingM : undefined,
    stopsAhead: isShown(stage, "stops_ahead") ? order.stopsAhead : undefined,
    deliveryPin: isShown(stage, "delivery_pin") ? order.deliveryPin : undefined
  }
}
