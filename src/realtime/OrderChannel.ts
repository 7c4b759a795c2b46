import { type CustomerEvent, customerEvent } from "../domain/CustomerEvent.ts"
import { publicId } from "../domain/Ids.ts"
import { distanceToM, isShown, type TrackingStage, trackingStage } from "../domain/TrackingStage.ts"
import type { TrackedEvent, TrackedOrder } from "../persistence/TrackingRepo.ts"
import { CloseCode } from "../protocol/CloseCode.ts"
import type { Frame } from "../protocol/FrameCodec.ts"
import { TrackingServerFrame } from "../protocol/FrameType.ts"
import { SharedFrame } from "./FrameSink.ts"
import type { TrackSubscriber } from "./TrackSubscriber.ts"

/** Where the driver of an order is. Integers of the wire; NaN is unknown. */
export interface LivePlace {
  readonly recordedAt: number
  readonly latE7: number
  readonly lngE7: number
  readonly speedCms: number
  readonly headingCdeg: number
}

/** What a returning reader says it has. */
export interface ResumePoint {
  readonly epoch: unknown
  readonly offset: unknown
}

/**
 * One tracked order on this node: its state as of event `order.offset`, where its driver is, and who watches. Everything is
 * synchronous: a subscriber is given the state at an offset and put on the list in one step, so no event can fall between.
 * What a customer may see is decided here, frame by frame, by the stage.
 */
export class OrderChannel {
  order: TrackedOrder
  stage: TrackingStage
  readonly subscribers = new Set<TrackSubscriber>()
  /** Server clock, ms: since when nobody watches. */
  idleSince: number
  /** When the driver's place was last heard from a socket of this node. */
  localPlaceAt = Number.NEGATIVE_INFINITY
  private place: LivePlace | undefined
  private placeFrame: SharedFrame | undefined
  private readonly nearbyM: number
  /** Once nearby, always nearby until the shipment goes on: noise at the edge must not flicker. */
  private isNearby = false

  constructor(order: TrackedOrder, nearbyM: number, now: number) {
    this.order = order
    this.nearbyM = nearbyM
    this.idleSince = now
    this.stage = this.judge()
  }

  get driverId(): string | undefined {
    return this.order.driver?.driverId
  }

  get showsPosition(): boolean {
    return isShown(this.stage, "position")
  }

  /** Begins a subscriber: what it missed if that can be told whole, else a snapshot. */
  join(subscriber: TrackSubscriber, resume: ResumePoint, now: number): void {
    const missed = this.missedSince(resume)
    if (missed === undefined) subscriber.sink.send(new SharedFrame(this.snapshot(subscriber)))
    else {
      subscriber.sink.send(new SharedFrame([TrackingServerFrame.resumed, this.order.epoch, resume.offset]))
      for (const event of missed) subscriber.sink.send(new SharedFrame(eventFrame(event)))
      // A driver came meanwhile, for whom only the state has words.
      if (isShown(this.stage, "driver") && missed.some((event) => event.type === "shipment.assigned"))
        subscriber.sink.send(new SharedFrame(this.snapshot(subscriber)))
      subscriber.sink.send(new SharedFrame([TrackingServerFrame.stage, this.stage]))
      if (this.placeFrame !== undefined && this.showsPosition) subscriber.position(this.placeFrame, now)
    }
    this.subscribers.add(subscriber)
  }

  leave(subscriber: TrackSubscriber, now: number): void {
    this.subscribers.delete(subscriber)
    if (this.subscribers.size === 0) this.idleSince = now
  }

  /** The order's links are dead: everybody is told that it is over. */
  end(): void {
    for (const { sink } of this.subscribers) sink.close(CloseCode.trackingFinished, 0)
  }

  /** Takes a newer state of the order: what happened is told in order, then where it stands. */
  update(next: TrackedOrder, now: number): void {
    const isSameLog = next.epoch === this.order.epoch && next.offset >= this.order.offset
    const events = isSameLog ? next.timeline.filter((event) => event.offset > this.order.offset) : []
    const hadDriver = this.order.driver?.driverId
    const hadStatus = this.order.shipmentStatus
    this.order = next
    if (next.driver?.driverId !== hadDriver) this.forgetPlace()
    if (next.shipmentStatus !== hadStatus) this.isNearby = false
    const stageBefore = this.stage
    this.stage = this.judge()
    if (!isSameLog || this.isDriverIntroduced(hadDriver, stageBefore)) {
      // The log was rebuilt, or a driver is to be introduced, for which only the state has words.
      for (const subscriber of this.subscribers) {
        for (const event of this.visible(events)) subscriber.sink.send(new SharedFrame(eventFrame(event)))
        subscriber.sink.send(new SharedFrame(this.snapshot(subscriber)))
      }
    } else {
      this.tell(this.visible(events).map((event) => new SharedFrame(eventFrame(event))))
      if (this.stage !== stageBefore) this.tell([new SharedFrame([TrackingServerFrame.stage, this.stage])])
    }
    this.tellPlace(now)
  }

  /** The driver's place changed. */
  move(place: LivePlace, now: number): void {
    if (this.place !== undefined && place.recordedAt <= this.place.recordedAt) return
    this.place = place
    this.placeFrame = new SharedFrame(positionFrame(place))
    const stageBefore = this.stage
    this.stage = this.judge()
    if (this.stage !== stageBefore) this.tell([new SharedFrame([TrackingServerFrame.stage, this.stage])])
    this.tellPlace(now)
  }

  /** Sends positions that wait for their interval. */
  catchUp(now: number): void {
    if (this.placeFrame === undefined || !this.showsPosition) return
    for (const subscriber of this.subscribers) subscriber.catchUp(this.placeFrame, now)
  }

  private tellPlace(now: number): void {
    if (this.placeFrame === undefined || !this.showsPosition) {
      for (const subscriber of this.subscribers) subscriber.forgetPosition()
      return
    }
    for (const subscriber of this.subscribers) subscriber.position(this.placeFrame, now)
  }

  private tell(frames: ReadonlyArray<SharedFrame>): void {
    for (const subscriber of this.subscribers) for (const frame of frames) subscriber.sink.send(frame)
  }

  private isDriverIntroduced(hadDriver: string | undefined, stageBefore: TrackingStage): boolean {
    if (!isShown(this.stage, "driver") || this.driverId === undefined) return false
    return this.driverId !== hadDriver || !isShown(stageBefore, "driver")
  }

  private forgetPlace(): void {
    this.place = undefined
    this.placeFrame = undefined
    this.isNearby = false
    this.localPlaceAt = Number.NEGATIVE_INFINITY
  }

  private judge(): TrackingStage {
    const { order, place } = this
    const distanceM = place === undefined ? undefined : distanceToM(place.latE7, place.lngE7, order.destination)
    const stage = trackingStage({
      shipmentStatus: order.shipmentStatus,
      assignmentStatus: order.assignmentStatus,
      isOrderCancelled: order.orderStatus === "cancelled",
      distanceM: this.isNearby ? 0 : distanceM,
      nearbyM: this.nearbyM
    })
    if (stage === "nearby") this.isNearby = true
    return stage
  }

  private visible(events: ReadonlyArray<TrackedEvent>): ReadonlyArray<CustomerEvent> {
    return events.flatMap((event) => customerEvent(event) ?? [])
  }

  private missedSince({ epoch, offset }: ResumePoint): ReadonlyArray<CustomerEvent> | undefined {
    if (epoch !== this.order.epoch || typeof offset !== "number") return undefined
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > this.order.offset) return undefined
    return this.visible(this.order.timeline).filter((event) => event.offset > offset)
  }

  private snapshot(subscriber: TrackSubscriber): Frame {
    return [TrackingServerFrame.snapshot, this.order.epoch, this.order.offset, this.state(subscriber.expiresAtMs)]
  }

  /** `state{}` of a snapshot, with what the stage shows and nothing else. */
  state(expiresAtMs: number): Readonly<Record<string, unknown>> {
    const { order, stage, place } = this
    const { driver } = order
    return {
      order_id: publicId("order", order.orderId),
      ...(order.shipmentStatus === undefined ? {} : { shipment_status: order.shipmentStatus }),
      stage,
      ...(driver !== undefined && isShown(stage, "driver") ? { driver: driverShape(driver) } : {}),
      ...(place !== undefined && isShown(stage, "position") ? { position: positionFrame(place).slice(1) } : {}),
      destination: order.destination,
      timeline: this.visible(order.timeline),
      expires_at: expiresAtMs
    }
  }
}

const driverShape = (driver: NonNullable<TrackedOrder["driver"]>): Readonly<Record<string, unknown>> => ({
  first_name: driver.firstName,
  ...(driver.vehicle === undefined
    ? {}
    : {
        vehicle: {
          type: driver.vehicle.type,
          ...(driver.vehicle.colour === undefined ? {} : { colour: driver.vehicle.colour }),
          ...(driver.vehicle.plateHint === undefined ? {} : { plate_hint: driver.vehicle.plateHint })
        }
      })
})

const eventFrame = (event: CustomerEvent): Frame => [
  TrackingServerFrame.event,
  event.offset,
  event.type,
  event.occurred_at,
  event.data
]

const known = (value: number): number | null => (Number.isNaN(value) || value < 0 ? null : value)

const positionFrame = (place: LivePlace): Frame => [
  TrackingServerFrame.position,
  place.recordedAt,
  place.latE7,
  place.lngE7,
  known(place.speedCms),
  known(place.headingCdeg)
]
