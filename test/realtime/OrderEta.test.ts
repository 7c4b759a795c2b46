import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { defaultLimits } from "../../src/config/Limits.ts"
import type { TrackedOrder } from "../../src/persistence/tracking/TrackingRepo.ts"
import type { Frame } from "../../src/protocol/FrameCodec.ts"
import { TrackingServerFrame } from "../../src/protocol/FrameType.ts"
import { OrderChannel } from "../../src/realtime/OrderChannel.ts"
import { TrackSubscriber } from "../../src/realtime/TrackSubscriber.ts"
import { RecordingSink } from "./RecordingSink.ts"

const start = Date.UTC(2026, 4, 4, 12)
const destination = { lat: 50, lng: 10 }
const never = { epoch: undefined, offset: undefined }
const halfWay = { lat: 50 + 1_500 / 111_195, lng: 10 }

const underWay: TrackedOrder = {
  orderId: "00000000-0000-7000-8000-000000000001",
  orderStatus: "confirmed",
  epoch: 1,
  offset: 3,
  shipmentId: "s",
  shipmentStatus: "en_route",
  assignmentStatus: "en_route",
  driver: { driverId: "d-1", firstName: "Ada", vehicle: { type: "van" } },
  destination,
  stopsAhead: [],
  timeline: []
}
const promised = { startMs: start + 3_600_000, endMs: start + 7_200_000 }
const assigned: TrackedOrder = { ...underWay, shipmentStatus: "assigned", assignmentStatus: "accepted" }

const place = (recordedAt: number, metresNorth: number, speedCms = 800) => ({
  recordedAt,
  latE7: Math.round((destination.lat + metresNorth / 111_195) * 1e7),
  lngE7: destination.lng * 1e7,
  speedCms,
  headingCdeg: 18_000
})

const watched = (order: TrackedOrder, at = start) => {
  const channel = new OrderChannel(order, defaultLimits, at)
  return { channel, ...joined(channel, at) }
}

const joined = (channel: OrderChannel, at: number, resume: { epoch: unknown; offset: unknown } = never) => {
  const sink = new RecordingSink()
  channel.join(new TrackSubscriber(sink, "session", start * 2, 200), resume, at)
  return { sink }
}

const etas = (sink: RecordingSink): ReadonlyArray<Frame> => sink.ofType(TrackingServerFrame.eta)
const stateOf = (frame: Frame | undefined) => frame?.[3] as Readonly<Record<string, unknown>>
const types = (sink: RecordingSink) => sink.drain().map((frame) => frame[0])

describe("the estimate of a watched order", () => {
  it("comes with the first place, in the snapshot of whoever joins later, and before the position after RESUMED", () => {
    const { channel, sink } = watched(underWay)
    expect(stateOf(sink.frames[0])).not.toHaveProperty("eta")
    sink.drain()
    channel.move(place(1, 3_000), start + 1_000)
    const [eta, position] = sink.frames
    expect(eta).toEqual([TrackingServerFrame.eta, expect.any(Number), expect.any(Number), 3_800, 0])
    expect(position?.[0]).toBe(TrackingServerFrame.position)
    const later = joined(channel, start + 2_000).sink
    expect(stateOf(later.frames[0])).toMatchObject({
      stops_ahead: 0,
      eta: { p50_at: eta?.[1], p90_at: eta?.[2], computed_at: start + 1_000, source: "position" }
    })
    const back = joined(channel, start + 2_000, { epoch: 1, offset: 3 }).sink
    expect(types(back)).toEqual([
      TrackingServerFrame.resumed,
      TrackingServerFrame.stage,
      TrackingServerFrame.eta,
      TrackingServerFrame.position
    ])
  })

  it("rests on the promised window until the driver sets out, whatever is known of the driver", () => {
    const { channel, sink } = watched({ ...assigned, promised })
    expect(stateOf(sink.frames[0]).eta).toMatchObject({ p90_at: promised.endMs, source: "schedule" })
    sink.drain()
    for (let i = 1; i < 60; i++) channel.move(place(i, 9_000 - 100 * i), start + i * 1_000)
    channel.catchUp(start + 60_000)
    expect(sink.drain()).toEqual([])
    channel.update({ ...underWay, promised }, start + 61_000)
    expect(etas(sink)[0]?.slice(3)).toEqual([3_950, 0])
  })

  it("is absent where nothing was promised and nobody is on the way, and once the driver has arrived", () => {
    expect(stateOf(watched(assigned).sink.frames[0])).not.toHaveProperty("eta")
    const { channel, sink } = watched(underWay)
    channel.move(place(1, 3_000), start)
    channel.update({ ...underWay, shipmentStatus: "arrived", assignmentStatus: "arrived" }, start + 1_000)
    expect(stateOf(joined(channel, start + 1_000).sink.frames[0])).not.toHaveProperty("eta")
    sink.drain()
    channel.catchUp(start + 100_000)
    expect(etas(sink)).toEqual([])
  })

  it("is withdrawn by a snapshot without one when nothing is heard of the driver any more", () => {
    const { channel, sink } = watched(underWay)
    channel.move(place(1, 6_000), start)
    for (let at = start; at <= start + defaultLimits.etaSilentMs; at += 50) channel.catchUp(at)
    const told = etas(sink)
    // The range grew by what nobody knows, in steps that are worth telling.
    expect(told.length).toBeGreaterThan(1)
    expect(Number(told.at(-1)?.[2])).toBeGreaterThan(Number(told[0]?.[2]))
    sink.drain()
    channel.catchUp(start + defaultLimits.etaSilentMs + defaultLimits.etaEveryMs)
    expect(sink.frames.map((frame) => frame[0])).toEqual([TrackingServerFrame.snapshot])
    expect(stateOf(sink.frames[0])).not.toHaveProperty("eta")
  })

  it("does not dance: a drive at an even speed changes it seldom, and never more than once a minute", () => {
    const { channel, sink } = watched(underWay)
    const at: Array<number> = []
    for (let second = 0; second < 600; second++) {
      const now = start + second * 1_000
      channel.move(place(second + 1, 6_000 - 8 * second), now)
      channel.catchUp(now)
      if (sink.drain().some((frame) => frame[0] === TrackingServerFrame.eta)) at.push(second)
    }
    expect(at.length).toBeLessThanOrEqual(5)
    for (let i = 1; i < at.length; i++) expect((at[i] as number) - (at[i - 1] as number)).toBeGreaterThanOrEqual(60)
  })

  it("is told again once its time has passed, and never says that the driver should be there", () => {
    const { channel, sink } = watched(underWay)
    channel.move(place(1, 50, 0), start)
    for (let second = 0; second <= 200; second++) {
      const now = start + second * 1_000
      channel.move(place(second + 2, 50, 0), now)
      channel.catchUp(now)
      for (const frame of etas(sink)) expect(Number(frame[1])).toBeGreaterThan(now)
      if (second % 60 === 0) expect(Number(channel.toldEta?.p50At)).toBeGreaterThan(now)
      sink.drain()
    }
  })

  it("does not remember the pace or the place of a driver who was replaced", () => {
    const { channel, sink } = watched(underWay)
    for (let i = 0; i < 120; i++) channel.move(place(i + 1, 9_000 - i, 2_500), start + i * 1_000)
    channel.update({ ...underWay, driver: { driverId: "d-2", firstName: "Ben" } }, start + 121_000)
    expect(stateOf(sink.ofType(TrackingServerFrame.snapshot).at(-1))).not.toHaveProperty("eta")
    const fresh = watched({ ...underWay, driver: { driverId: "d-2", firstName: "Ben" } }, start + 122_000)
    for (const each of [channel, fresh.channel]) each.move(place(1_000, 5_000, 700), start + 122_000)
    expect(etas(sink).at(-1)).toEqual(etas(fresh.sink).at(-1))
  })

  it("counts the stops before it, and says no distance over other people's doors", () => {
    const { channel, sink } = watched({ ...underWay, stopsAhead: [halfWay] })
    channel.move(place(1, 3_000), start)
    expect(etas(sink)[0]?.slice(3)).toEqual([null, 1])
    sink.drain()
    channel.stopBefore([], start + 1_000)
    expect(etas(sink)[0]?.slice(3)).toEqual([3_800, 0])
    sink.drain()
    channel.stopBefore([], start + 2_000)
    expect(sink.frames).toEqual([])
  })

  it("waits for a reader that is behind, and is then the newest", () => {
    const { channel, sink } = watched(underWay)
    sink.drain()
    sink.isBehind = true
    channel.move(place(1, 9_000), start)
    channel.move(place(2, 1_000), start + 61_000)
    expect(sink.drain()).toEqual([])
    sink.isBehind = false
    channel.catchUp(start + 61_050)
    expect(etas(sink).map((frame) => frame[4])).toEqual([0])
    expect(etas(sink)[0]?.[1]).toBe(channel.toldEta?.p50At)
  })

  it("costs nothing while nobody watches, and is fresh for whoever comes", () => {
    const channel = new OrderChannel(underWay, defaultLimits, start)
    channel.move(place(1, 9_000), start)
    channel.catchUp(start + 10_000)
    expect(channel.toldEta).toBeUndefined()
    channel.move(place(2, 1_000), start + 60_000)
    expect(stateOf(joined(channel, start + 70_000).sink.frames[0]).eta).toMatchObject({ computed_at: start + 70_000 })
  })
})

it("P05: the phone's clock changes no estimate, whatever it says and wherever it jumps to", () => {
  const drive = fc.array(
    fc.record({ metres: fc.integer({ min: 0, max: 9_000 }), speed: fc.integer({ min: -1, max: 4_000 }) }),
    { minLength: 1, maxLength: 40 }
  )
  fc.assert(
    fc.property(
      drive,
      fc.integer({ min: -48 * 3_600_000, max: 48 * 3_600_000 }),
      fc.nat(40),
      (steps, skewMs, jumpAt) => {
        const told = [0, skewMs].map((skew) => {
          const { channel, sink } = watched(underWay)
          for (const [i, { metres, speed }] of steps.entries()) {
            const now = start + i * 15_000
            // Times of one phone must rise to move the marker: the jump may only be ahead.
            const jump = skew !== 0 && i >= jumpAt ? Math.abs(skew) : 0
            channel.move(place(now + skew + jump, metres, speed), now)
            channel.catchUp(now)
          }
          return etas(sink)
        })
        expect(told[1]).toEqual(told[0])
      }
    ),
    { verbose: 1 }
  )
})
