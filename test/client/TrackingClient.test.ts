import { describe, expect, it } from "vitest"
import { TrackingClient, type TrackingListener } from "../../src/client/TrackingClient.ts"
import type { Frame } from "../../src/protocol/FrameCodec.ts"
import { ScriptedStream } from "./ScriptedStream.ts"
import { settle, VirtualClock } from "./VirtualClock.ts"

const at = Date.UTC(2026, 0, 12, 17)
const position = [at, 525_000_000, 134_000_000, 800, 9_000]

const snapshot = (stage: string, more: Readonly<Record<string, unknown>> = {}): Frame => [
  32,
  "e1",
  3,
  {
    order_id: "ord_1",
    shipment_status: "en_route",
    stage,
    destination: { lat: 52.51, lng: 13.41 },
    driver: { first_name: "Ada", vehicle: { type: "van", colour: "white" } },
    position,
    timeline: [{ offset: 3, type: "shipment.en_route", occurred_at: at, data: {} }],
    expires_at: at + 3_600_000,
    ...more
  }
]

const clientUnderTest = async (listener: TrackingListener = {}) => {
  const clock = new VirtualClock(at)
  const peer = new ScriptedStream()
  const client = new TrackingClient(
    { url: "ws://127.0.0.1:1/v1/track", token: "secret", sockets: peer.sockets, clock, random: () => 0.5 },
    listener
  )
  client.start()
  await settle()
  return { clock, peer, client }
}

describe("a tracking client", () => {
  it("sends its token in the first frame and never in the URL", async () => {
    const { peer } = await clientUnderTest()
    expect(peer.connection.url).not.toContain("secret")
    expect(peer.last).toEqual([1, 1, "secret"])
  })

  it("holds the order as its frames tell it", async () => {
    const { peer, client } = await clientUnderTest()
    peer.tell(snapshot("on_the_way"))
    peer.tell([34, at + 1_000, 525_000_100, 134_000_100, null, null])
    peer.tell([36, at + 60_000, at + 120_000, 900, 1])
    peer.tell([37, "nearby"])
    expect(client.order).toMatchObject({
      stage: "nearby",
      driver: { firstName: "Ada", vehicle: { type: "van", colour: "white" } },
      position: { recordedAt: at + 1_000, lat: 52.500_01, speedMps: undefined },
      eta: { p50At: at + 60_000, p90At: at + 120_000, source: "position" },
      remainingM: 900,
      stopsAhead: 1
    })
  })

  it("knows what an estimate rests on, in a state and in a frame", async () => {
    const { peer, client } = await clientUnderTest()
    const eta = { p50_at: at + 60_000, p90_at: at + 120_000, computed_at: at }
    peer.tell(snapshot("scheduled", { eta: { ...eta, source: "schedule" } }))
    expect(client.order?.eta).toEqual({ p50At: at + 60_000, p90At: at + 120_000, source: "schedule" })
    peer.tell(snapshot("on_the_way", { eta: { ...eta, source: "position" }, stops_ahead: 2 }))
    expect(client.order).toMatchObject({ eta: { source: "position" }, stopsAhead: 2 })
    peer.tell([36, at + 90_000, at + 150_000])
    expect(client.order?.eta).toEqual({ p50At: at + 90_000, p90At: at + 150_000, source: "schedule" })
    peer.tell(snapshot("on_the_way"))
    expect(client.order?.eta).toBeUndefined()
  })

  it("has no estimate after RESUMED until it is told one, which it is if there is one", async () => {
    const { clock, peer, client } = await clientUnderTest()
    peer.tell(snapshot("on_the_way"))
    peer.tell([36, at + 60_000, at + 120_000, 900, 1])
    peer.drop()
    await clock.advance(600)
    expect(client.order?.eta).toBeDefined()
    peer.tell([33, "e1", 3])
    expect(client.order).toMatchObject({ eta: undefined, remainingM: undefined, stopsAhead: undefined })
    peer.tell([37, "on_the_way"])
    peer.tell([36, at + 70_000, at + 130_000, 800, 1])
    expect(client.order).toMatchObject({ eta: { p50At: at + 70_000 }, remainingM: 800, stopsAhead: 1 })
  })

  it("has the shipment's status by the events and stages that it is told", async () => {
    const { peer, client } = await clientUnderTest()
    peer.tell(snapshot("on_the_way"))
    const statusBy = (frame: Frame): string | undefined => {
      peer.tell(frame)
      return client.order?.shipmentStatus
    }
    expect(statusBy([35, 4, "shipment.arrived", at, {}])).toBe("arrived")
    expect(statusBy([35, 5, "eta.changed", at, { p50_at: at }])).toBe("arrived")
    expect(statusBy([35, 6, "__proto__", at, {}])).toBe("arrived")
    // Handed to another driver, of which customers hear no event.
    expect(statusBy([37, "scheduled"])).toBe("dispatching")
    expect(statusBy([35, 8, "shipment.assigned", at, {}])).toBe("assigned")
    expect(statusBy([35, 9, "shipment.unassigned", at, {}])).toBe("dispatching")
    expect(statusBy([35, 10, "shipment.cancelled", at, {}])).toBe("cancelled")
  })

  it("forgets the driver's place, and the PIN, the moment the stage no longer shows them", async () => {
    const { peer, client } = await clientUnderTest()
    peer.tell(snapshot("on_the_way", { delivery_pin: "048213" }))
    peer.tell([37, "arrived"])
    expect(client.order?.deliveryPin).toBe("048213")
    peer.tell([37, "done"])
    expect(client.order?.position).toBeUndefined()
    expect(client.order?.driver).toBeUndefined()
    expect(client.order?.deliveryPin).toBeUndefined()
  })

  it("resumes after the last event that was handled, and tells a repeated one once", async () => {
    const heard: Array<number> = []
    const { clock, peer, client } = await clientUnderTest({ event: ({ offset }) => void heard.push(offset) })
    peer.tell(snapshot("on_the_way"))
    peer.tell([35, 5, "shipment.arrived", at, {}])
    peer.drop()
    await clock.advance(600)
    expect(peer.last.slice(3)).toEqual(["e1", 5])
    peer.tell([33, "e1", 5])
    peer.tell([35, 5, "shipment.arrived", at, {}])
    peer.tell([35, 9, "shipment.delivered", at, {}])
    expect(heard).toEqual([5, 9])
    expect(client.order?.timeline.map(({ offset }) => offset)).toEqual([3, 5, 9])
  })

  it("has an event once in its timeline when handling it failed and it came again", async () => {
    let failures = 1
    const { clock, peer, client } = await clientUnderTest({
      event: () => {
        if (failures-- > 0) throw new Error("the page failed")
      }
    })
    peer.tell(snapshot("on_the_way"))
    expect(() => peer.tell([35, 5, "shipment.arrived", at, {}])).toThrow("the page failed")
    await clock.advance(600)
    expect(peer.last.slice(3)).toEqual(["e1", 3])
    peer.tell([33, "e1", 3])
    peer.tell([35, 5, "shipment.arrived", at, {}])
    expect(client.order?.timeline.map(({ offset }) => offset)).toEqual([3, 5])
  })

  it.each([4506, 4507, 4508])("stops for good at %i", async (code) => {
    const { clock, peer, client } = await clientUnderTest()
    peer.tell(snapshot("on_the_way"))
    peer.goodbye(code)
    await clock.advance(60_000)
    expect(client.stopped).toMatchObject({ kind: "closed", code })
    expect(peer.connections).toHaveLength(1)
  })

  it("takes a silent stream up anew", async () => {
    const { clock, peer } = await clientUnderTest()
    peer.tell(snapshot("scheduled"))
    await clock.advance(90_000)
    expect(peer.connections).toHaveLength(2)
    expect(peer.last.slice(3)).toEqual(["e1", 3])
  })
})
