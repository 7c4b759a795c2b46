import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { defaultLimits } from "../../src/config/Limits.ts"
import { customerEventTypes } from "../../src/domain/CustomerEvent.ts"
import { isShown, type TrackingStage } from "../../src/domain/TrackingStage.ts"
import type { TrackedEvent, TrackedOrder } from "../../src/persistence/tracking/TrackingRepo.ts"
import { TrackingServerFrame } from "../../src/protocol/FrameType.ts"
import { OrderChannel } from "../../src/realtime/OrderChannel.ts"
import { TrackSubscriber } from "../../src/realtime/TrackSubscriber.ts"
import { RecordingSink } from "./RecordingSink.ts"

const bounds = { ...defaultLimits, nearbyM: 400 }
const destination = { lat: 50, lng: 10 }
const driver = { driverId: "d-1", firstName: "Ada", vehicle: { type: "bicycle" } }
const never = { epoch: undefined, offset: undefined }

/** The states an order goes through, as the database would give them, each with one event more. */
const journey: ReadonlyArray<Partial<TrackedOrder> & { readonly type: string }> = [
  { type: "order.submitted", orderStatus: "submitted" },
  { type: "order.confirmed", orderStatus: "confirmed", shipmentId: "s", shipmentStatus: "created" },
  { type: "shipment.assigned", shipmentStatus: "assigned", assignmentStatus: "accepted", driver },
  { type: "shipment.en_route_to_pickup", shipmentStatus: "en_route_to_pickup", assignmentStatus: "en_route" },
  { type: "shipment.picked_up", shipmentStatus: "picked_up", assignmentStatus: "en_route" },
  { type: "shipment.en_route", shipmentStatus: "en_route", assignmentStatus: "en_route" },
  { type: "shipment.arrived", shipmentStatus: "arrived", assignmentStatus: "arrived" },
  {
    type: "shipment.delivered",
    shipmentStatus: "delivered",
    assignmentStatus: "delivered",
    orderStatus: "fulfilled",
    completedAtMs: 1
  }
]

const eventAt = (offset: number): TrackedEvent => {
  const type = (journey[offset - 1] as { readonly type: string }).type
  const data = { driver_id: "d-1", reason: "secret", phone: "+49 1" }
  return { offset, type, occurredAtMs: offset * 1_000, data, isForCustomer: customerEventTypes.has(type) }
}

/** The order after `count` steps. */
const orderAfter = (count: number): TrackedOrder => ({
  orderId: "00000000-0000-7000-8000-000000000001",
  epoch: 1,
  offset: count,
  destination,
  stopsAhead: [],
  orderStatus: "draft",
  ...Object.assign({}, ...journey.slice(0, count)),
  timeline: Array.from({ length: count }, (_, i) => eventAt(i + 1))
})

const pin = "048213"

const place = (recordedAt: number, metresNorth: number) => ({
  recordedAt,
  latE7: Math.round((destination.lat + metresNorth / 111_195) * 1e7),
  lngE7: destination.lng * 1e7,
  speedCms: 500,
  headingCdeg: 18_000
})

const watcher = (intervalMs = 1_000) => {
  const sink = new RecordingSink()
  return { sink, subscriber: new TrackSubscriber(sink, "session", 9_999_999, intervalMs) }
}

describe("a tracked order", () => {
  it("begins with a snapshot that holds the events up to its offset, and goes on with the next one", () => {
    const channel = new OrderChannel(orderAfter(2), bounds, 0)
    const { sink, subscriber } = watcher()
    channel.join(subscriber, never, 0)
    channel.update(orderAfter(3), 0)
    const [snapshot, event] = sink.frames
    expect(snapshot?.slice(0, 3)).toEqual([TrackingServerFrame.snapshot, 1, 2])
    expect(event?.slice(0, 3)).toEqual([TrackingServerFrame.event, 3, "shipment.assigned"])
  })

  it("resumes whole from any event of its log, and with a snapshot from anything else", () => {
    const channel = new OrderChannel(orderAfter(6), bounds, 0)
    for (let from = 0; from <= 6; from++) {
      const { sink, subscriber } = watcher()
      channel.join(subscriber, { epoch: 1, offset: from }, 0)
      const offsets = sink.ofType(TrackingServerFrame.event).map((frame) => frame[1])
      const expected = [1, 2, 3, 4, 5, 6].filter((offset) => offset > from && eventAt(offset).isForCustomer)
      expect(offsets).toEqual(expected)
      expect(sink.frames[0]).toEqual([TrackingServerFrame.resumed, 1, from])
    }
    for (const resume of [
      { epoch: 2, offset: 1 },
      { epoch: 1, offset: 7 },
      { epoch: 1, offset: -1 },
      { epoch: 1, offset: 1.5 },
      { epoch: 1, offset: "1" },
      never
    ]) {
      const { sink, subscriber } = watcher()
      channel.join(subscriber, resume, 0)
      expect(sink.frames.map((frame) => frame[0])).toEqual([TrackingServerFrame.snapshot])
    }
  })

  it("shows no position before the driver is on the way, and none after the delivery", () => {
    const channel = new OrderChannel(orderAfter(5), bounds, 0)
    const { sink, subscriber } = watcher(200)
    channel.join(subscriber, never, 0)
    channel.move(place(1, 3_000), 1_000)
    expect(sink.ofType(TrackingServerFrame.position)).toEqual([])
    channel.update(orderAfter(6), 2_000)
    channel.move(place(2, 2_900), 3_000)
    expect(sink.ofType(TrackingServerFrame.position)).toHaveLength(2)
    channel.update(orderAfter(8), 4_000)
    channel.move(place(3, 2_800), 5_000)
    channel.catchUp(9_000)
    expect(sink.ofType(TrackingServerFrame.position)).toHaveLength(2)
    expect(sink.ofType(TrackingServerFrame.stage).map((frame) => frame[1])).toEqual(["on_the_way", "done"])
  })

  it("sends the first position of a burst at once and then at most one per interval, always the newest", () => {
    const channel = new OrderChannel(orderAfter(6), bounds, 0)
    const { sink, subscriber } = watcher(1_000)
    channel.join(subscriber, never, 0)
    for (let i = 1; i <= 10; i++) channel.move(place(i, 3_000 - i), 10_000 + i)
    expect(sink.ofType(TrackingServerFrame.position).map((frame) => frame[1])).toEqual([1])
    channel.catchUp(10_900)
    expect(sink.ofType(TrackingServerFrame.position)).toHaveLength(1)
    channel.catchUp(11_001)
    expect(sink.ofType(TrackingServerFrame.position).map((frame) => frame[1])).toEqual([1, 10])
    channel.catchUp(20_000)
    expect(sink.ofType(TrackingServerFrame.position)).toHaveLength(2)
  })

  it("never goes back: an older position is not told", () => {
    const channel = new OrderChannel(orderAfter(6), bounds, 0)
    const { sink, subscriber } = watcher(200)
    channel.join(subscriber, never, 0)
    channel.move(place(10, 3_000), 1_000)
    channel.move(place(9, 2_000), 5_000)
    expect(sink.ofType(TrackingServerFrame.position).map((frame) => frame[1])).toEqual([10])
  })

  it("holds positions back for a reader that is behind, never events", () => {
    const channel = new OrderChannel(orderAfter(6), bounds, 0)
    const { sink, subscriber } = watcher(200)
    channel.join(subscriber, never, 0)
    sink.drain()
    sink.isBehind = true
    channel.move(place(1, 3_000), 1_000)
    expect(sink.drain()).toEqual([])
    channel.update(orderAfter(7), 2_000)
    expect(sink.drain().map((frame) => frame[0])).toEqual([TrackingServerFrame.event, TrackingServerFrame.stage])
    sink.isBehind = false
    channel.catchUp(3_000)
    expect(sink.drain().map((frame) => frame[0])).toEqual([TrackingServerFrame.position])
  })

  it("is nearby within the distance and stays so when the fix wavers", () => {
    const channel = new OrderChannel(orderAfter(6), bounds, 0)
    channel.move(place(1, 401), 0)
    expect(channel.stage).toBe("on_the_way")
    channel.move(place(2, 399), 0)
    expect(channel.stage).toBe("nearby")
    channel.move(place(3, 420), 0)
    expect(channel.stage).toBe("nearby")
  })

  it("forgets the place of a driver who was replaced", () => {
    const channel = new OrderChannel(orderAfter(6), bounds, 0)
    channel.move(place(100, 3_000), 0)
    channel.update({ ...orderAfter(6), driver: { driverId: "d-2", firstName: "Ben" } }, 0)
    expect(channel.state(1)).not.toHaveProperty("position")
    channel.move(place(50, 2_000), 0)
    expect(channel.state(1)).toHaveProperty("position")
  })

  it("gives the PIN to a page as soon as there is one, and takes it away when it is waived or the order is over", () => {
    const created = { ...eventAt(2), type: "shipment.created" }
    const shipped: TrackedOrder = { ...orderAfter(2), isPinRequired: true, timeline: [eventAt(1), created] }
    const waived = { offset: 3, type: "proof.waived", occurredAtMs: 3_000, data: { type: "pin" }, isForCustomer: false }
    const withoutPin: TrackedOrder = { ...orderAfter(2), offset: 3, timeline: [...orderAfter(2).timeline, waived] }
    const channel = new OrderChannel(orderAfter(1), bounds, 0, () => pin)
    const { sink, subscriber } = watcher()
    channel.join(subscriber, never, 0)
    const pins = () =>
      sink
        .ofType(TrackingServerFrame.snapshot)
        .map((frame) => (frame[3] as { readonly delivery_pin?: string }).delivery_pin)
    channel.update(shipped, 0)
    channel.update(withoutPin, 0)
    expect(pins()).toEqual([undefined, pin, undefined])
    for (const [state, from] of [
      [shipped, 1],
      [withoutPin, 2]
    ] as const) {
      const late = watcher()
      const other = new OrderChannel(state, bounds, 0, () => pin)
      other.join(late.subscriber, { epoch: 1, offset: from }, 0)
      expect(late.sink.ofType(TrackingServerFrame.snapshot)).toHaveLength(1)
      other.join(late.subscriber, { epoch: 1, offset: state.offset }, 0)
      expect(late.sink.ofType(TrackingServerFrame.snapshot)).toHaveLength(1)
    }
    const ended = new OrderChannel({ ...orderAfter(8), isPinRequired: true }, bounds, 0, () => pin)
    expect(ended.state(1)).not.toHaveProperty("delivery_pin")
  })

  it("carries no field above its stage in any frame, whatever happens in whatever order", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("reach" as const), count: fc.integer({ min: 0, max: journey.length }) }),
      fc.record({ do: fc.constant("move" as const), at: fc.nat(1_000), metres: fc.nat(5_000) }),
      fc.record({ do: fc.constant("join" as const), offset: fc.integer({ min: -1, max: 9 }) }),
      fc.record({ do: fc.constant("stops" as const), count: fc.integer({ min: 0, max: 2 }) }),
      fc.record({ do: fc.constant("tick" as const) })
    )
    const anyPromise = fc.option(fc.record({ startMs: fc.nat(60_000), endMs: fc.nat(600_000) }), { nil: undefined })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), anyPromise, (steps, promised) => {
        const at = (count: number): TrackedOrder => ({
          ...orderAfter(count),
          isPinRequired: true,
          ...(promised === undefined ? {} : { promised })
        })
        const channel = new OrderChannel(
          at(0),
          { ...bounds, etaEveryMs: 1, etaToldEveryMs: 1, etaToldMs: 1 },
          0,
          () => pin
        )
        const pages: Array<{ readonly sink: RecordingSink; readonly page: EtaPage }> = []
        let now = 0
        for (const each of steps) {
          now += 500
          if (each.do === "reach") channel.update(at(each.count), now)
          else if (each.do === "stops")
            channel.stopBefore(
              Array.from({ length: each.count }, () => destination),
              now
            )
          else if (each.do === "move") channel.move(place(each.at, each.metres), now)
          else if (each.do === "tick") channel.catchUp(now)
          else {
            const { sink, subscriber } = watcher(200)
            pages.push({ sink, page: new EtaPage() })
            channel.join(subscriber, { epoch: 1, offset: each.offset }, now)
          }
          for (const { sink, page } of pages) {
            for (const frame of sink.drain()) {
              expectNothingAbove(channel.stage, frame)
              page.take(frame)
            }
            // A page that forgets what its stage does not show holds no estimate that was made from a hidden place.
            if (isShown(channel.stage, "eta") && page.isByPosition)
              expect(isShown(channel.stage, "position")).toBe(true)
          }
        }
      }),
      { numRuns: 500, verbose: 1 }
    )
  })
})

/** What a page knows of the estimate, as its frames told it. */
class EtaPage {
  isByPosition = false

  take(frame: ReadonlyArray<unknown>): void {
    if (frame[0] === TrackingServerFrame.eta) this.isByPosition = frame[4] !== null
    if (frame[0] !== TrackingServerFrame.snapshot) return
    const { eta } = frame[3] as { readonly eta?: { readonly source: string } }
    this.isByPosition = eta?.source === "position"
  }
}

/** Frames of one step are judged by the stage that the step ended in, or by the one they themselves name. */
const expectNothingAbove = (stage: TrackingStage, frame: ReadonlyArray<unknown>): void => {
  if (frame[0] === TrackingServerFrame.position) expect(isShown(stage, "position")).toBe(true)
  if (frame[0] === TrackingServerFrame.eta) {
    const [, p50At, p90At, remainingM, stopsAhead] = frame
    expect(isShown(stage, "eta")).toBe(true)
    expect(Number(p90At)).toBeGreaterThanOrEqual(Number(p50At))
    if (remainingM !== null || stopsAhead !== null) expect(isShown(stage, "position")).toBe(true)
    if (stopsAhead !== 0) expect(remainingM).toBeNull()
  }
  if (frame[0] === TrackingServerFrame.event) {
    expect(customerEventTypes.has(frame[2] as string)).toBe(true)
    expect(JSON.stringify(frame)).not.toMatch(/secret|\+49|d-1/)
  }
  if (frame[0] !== TrackingServerFrame.snapshot) return
  const state = frame[3] as Record<string, unknown> & { readonly stage: TrackingStage }
  for (const field of ["driver", "position", "stops_ahead", "eta", "delivery_pin"] as const) {
    if (field in state) expect(isShown(state.stage, field)).toBe(true)
  }
  expect(JSON.stringify(state)).not.toMatch(/secret|\+49|d-1/)
}
