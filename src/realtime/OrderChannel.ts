import { type CustomerEvent, customerEvent } from "../domain/CustomerEvent.ts"
import type { Eta, Visit } from "../domain/Eta.ts"
import { publicId } from "../domain/Ids.ts"
import { distanceToM, isShown, type TrackingStage, trackingStage } from "../domain/TrackingStage.ts"
import type { TrackedEvent, TrackedOrder } from "../persistence/tracking/TrackingRepo.ts"
import { CloseCode } from "../protocol/CloseCode.ts"
import type { Frame } from "../protocol/FrameCodec.ts"
import { TrackingServerFrame } from "../protocol/FrameType.ts"
import { SharedFrame } from "./FrameSink.ts"
import { type EtaChange, etaShape, OrderEta, type OrderEtaBounds } from "./OrderEta.ts"
import type { TrackSubscriber } from "./TrackSubscriber.ts"

/** With these a page that had no PIN has one: there is a drop-off, or after a failed attempt there will be another one. */
const pinBegins: ReadonlySet<string> = new Set(["shipment.created", "shipment.retrying"])

/** Where the driver of an order is. Integers of the wire; NaN is unknown. */
export interface LivePlace {
  readonly recordedAt: number
  readonly latE7: number
  readonly lngE7: number
  readonly speedCms: number
  readonly headingCdeg: number
  /** When a node heard of it, by its own clock; absent for now. Estimates are made from this, never from `recordedAt`. */
  readonly receivedAt?: number
}

/** Bounds of one channel. */
export type ChannelBounds = OrderEtaBounds & { readonly nearbyM: number }

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
  /** When the driver's place was last heard live, from a socket of this node or from the node that has it. */
  localPlaceAt = Number.NEGATIVE_INFINITY
  private place: LivePlace | undefined
  private placeFrame: SharedFrame | undefined
  private readonly nearbyM: number
  private readonly eta: OrderEta
  private readonly pinOf: (orderId: string) => string | undefined
  /** Once nearby, always nearby until the shipment goes on: noise at the edge must not flicker. */
  private isNearby = false

  constructor(
    order: TrackedOrder,
    bounds: ChannelBounds,
    now: number,
    pinOf: (orderId: string) => string | undefined = () => undefined
  ) {
    this.order = order
    this.pinOf = pinOf
    this.nearbyM = bounds.nearbyM
    this.eta = new OrderEta(bounds)
    this.idleSince = now
    this.stage = this.judge()
  }

  get driverId(): string | undefined {
    return this.order.driver?.driverId
  }

  get showsPosition(): boolean {
    return isShown(this.stage, "position")
  }

  /** The estimate that watchers know. */
  get toldEta(): Eta | undefined {
    return this.eta.told
  }

  /** What the customer tells at the door; undefined when nobody will ask for it. */
  private get pin(): string | undefined {
    const isAsked = this.order.isPinRequired === true && isShown(this.stage, "delivery_pin")
    return isAsked ? this.pinOf(this.order.orderId) : undefined
  }

  /** How many watch by this link. */
  watchersOf(sessionId: string): number {
    let count = 0
    for (const subscriber of this.subscribers) if (subscriber.sessionId === sessionId) count++
    return count
  }

  /** Begins a subscriber: what it missed if that can be told whole, else a snapshot. */
  join(subscriber: TrackSubscriber, resume: ResumePoint, now: number): void {
    // What nobody was told for a while is not kept steady for anybody.
    if (this.subscribers.size === 0) this.estimateAnew(now)
    const missed = this.missedSince(resume)
    if (missed === undefined) subscriber.sink.send(new SharedFrame(this.snapshot(subscriber)))
    else {
      subscriber.sink.send(new SharedFrame([TrackingServerFrame.resumed, this.order.epoch, resume.offset]))
      for (const event of missed) subscriber.sink.send(new SharedFrame(eventFrame(event)))
      // A driver came meanwhile, or the PIN came or went: only the state has words for it.
      const hasDriver = isShown(this.stage, "driver") && missed.some((event) => event.type === "shipment.assigned")
      if (hasDriver || this.hasOtherPinSince(resume.offset))
        subscriber.sink.send(new SharedFrame(this.snapshot(subscriber)))
      subscriber.sink.send(new SharedFrame([TrackingServerFrame.stage, this.stage]))
      if (this.eta.frame !== undefined) subscriber.eta(this.eta.frame)
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
    const hadPin = this.pin
    this.order = next
    if (next.driver?.driverId !== hadDriver) this.forgetPlace()
    if (next.shipmentStatus !== hadStatus) this.isNearby = false
    const stageBefore = this.stage
    this.stage = this.judge()
    this.tell(this.visible(events).map((event) => new SharedFrame(eventFrame(event))))
    const isPinOther = this.pin !== hadPin && isShown(this.stage, "delivery_pin")
    if (!isSameLog || isPinOther || this.isDriverIntroduced(hadDriver, stageBefore)) {
      // The log was rebuilt, a driver is to be introduced, or the PIN came or went: only the state has words for it.
      this.estimate(now)
      this.tellState()
    } else {
      this.tellStage(stageBefore)
      this.tellEta(now)
    }
    this.tellPlace(now)
  }

  /** The driver's place changed. */
  move(place: LivePlace, now: number): void {
    if (this.place !== undefined && place.recordedAt <= this.place.recordedAt) return
    this.place = place
    this.placeFrame = new SharedFrame(positionFrame(place))
    this.eta.heard(place, place.receivedAt ?? now)
    const stageBefore = this.stage
    this.stage = this.judge()
    this.tellStage(stageBefore)
    if (this.stage !== stageBefore || this.eta.isDue(now)) this.tellEta(now)
    this.tellPlace(now)
  }

  /** Where the driver stops before this drop-off; other orders of the driver ring no doorbell here. */
  stopBefore(stopsAhead: ReadonlyArray<Visit>, now: number): void {
    const { length } = this.order.stopsAhead
    this.order = { ...this.order, stopsAhead }
    if (length !== stopsAhead.length) this.tellEta(now)
  }

  /** Estimates without regard to what was told before. */
  estimateAnew(now: number): void {
    this.eta.forgetTold()
    this.estimate(now)
  }

  /** Sends what waits: positions for their interval, estimates for their time. */
  catchUp(now: number): void {
    if (this.subscribers.size > 0 && this.eta.isDue(now)) this.tellEta(now)
    const { frame } = this.eta
    if (frame !== undefined) for (const subscriber of this.subscribers) subscriber.catchUpEta(frame)
    if (this.placeFrame === undefined || !this.showsPosition) return
    for (const subscriber of this.subscribers) subscriber.catchUp(this.placeFrame, now)
  }

  private estimate(now: number): EtaChange {
    return this.eta.judge(this.order, this.stage, this.place, now)
  }

  private tellEta(now: number): void {
    if (this.subscribers.size === 0) return
    const change = this.estimate(now)
    const { frame } = this.eta
    // ETA has no words for "not known any more"; a state without one has.
    if (change === "withdrawn") this.tellState()
    else if (change === "told" && frame !== undefined) for (const subscriber of this.subscribers) subscriber.eta(frame)
  }

  private tellStage(before: TrackingStage): void {
    if (this.stage !== before) this.tell([new SharedFrame([TrackingServerFrame.stage, this.stage])])
  }

  /** Everything, to everybody. */
  private tellState(): void {
    for (const subscriber of this.subscribers) subscriber.sink.send(new SharedFrame(this.snapshot(subscriber)))
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

  private hasOtherPinSince(offset: unknown): boolean {
    const types = this.order.timeline.filter((event) => event.offset > Number(offset)).map(({ type }) => type)
    return types.includes("proof.waived") || (this.pin !== undefined && types.some((type) => pinBegins.has(type)))
  }

  private forgetPlace(): void {
    this.place = undefined
    this.placeFrame = undefined
    this.isNearby = false
    this.localPlaceAt = Number.NEGATIVE_INFINITY
    this.eta.forgetDriver()
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
    const eta = isShown(stage, "eta") ? this.eta.told : undefined
    const { pin } = this
    const stopsAhead = isShown(stage, "stops_ahead") ? eta?.stopsAhead : undefined
    return {
      order_id: publicId("order", order.orderId),
      ...(order.contents === undefined ? {} : { order: order.contents }),
      ...(order.shipmentStatus === undefined ? {} : { shipment_status: order.shipmentStatus }),
      stage,
      ...(stopsAhead === undefined ? {} : { stops_ahead: stopsAhead }),
      ...(eta === undefined ? {} : { eta: etaShape(eta) }),
      ...(driver !== undefined && isShown(stage, "driver") ? { driver: driverShape(driver) } : {}),
      ...(place !== undefined && isShown(stage, "position") ? { position: positionFrame(place).slice(1) } : {}),
      ...(pin === undefined ? {} : { delivery_pin: pin }),
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
