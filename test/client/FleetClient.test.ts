import { describe, expect, it } from "vitest"
import { FleetClient, type FleetListener } from "../../src/client/FleetClient.ts"
import type { StreamOptions } from "../../src/client/StreamLink.ts"
import type { Frame } from "../../src/protocol/FrameCodec.ts"
import { ScriptedStream } from "./ScriptedStream.ts"
import { settle, VirtualClock } from "./VirtualClock.ts"

const at = Date.UTC(2026, 0, 12, 17)

const snapshot = (handles: ReadonlyArray<number>, epoch = "e1", offset = 7): Frame => [
  32,
  epoch,
  offset,
  at,
  {
    handles,
    ids: handles.map((handle) => `drv_${epoch}_${handle}`),
    names: handles.map((handle) => `Driver ${handle}`),
    latE7: handles.map(() => 525_000_000),
    lngE7: handles.map(() => 134_000_000),
    headingCdeg: handles.map(() => null),
    status: handles.map(() => 1),
    recordedAt: handles.map(() => at - 500)
  }
]

const positions = (handles: ReadonlyArray<number>, serverMs = at + 1_000): Frame => [
  33,
  serverMs,
  handles,
  handles.map(() => 525_000_000),
  handles.map(() => 134_000_100),
  handles.map(() => 9_000),
  handles.map(() => 4),
  handles.map(() => 250)
]

const clientUnderTest = async (listener: FleetListener = {}, options: Partial<StreamOptions> = {}) => {
  const clock = new VirtualClock(at)
  const peer = new ScriptedStream()
  const client = new FleetClient(
    {
      url: "ws://127.0.0.1:1/v1/fleet",
      token: () => Promise.resolve("token"),
      sockets: peer.sockets,
      clock,
      random: () => 0.5,
      ...options
    },
    listener
  )
  client.start()
  await settle()
  return { clock, peer, client }
}

describe("a fleet client", () => {
  it("subscribes with its token in the first frame and never in the URL", async () => {
    const { peer } = await clientUnderTest()
    expect(peer.connection.url).toBe("ws://127.0.0.1:1/v1/fleet")
    expect(peer.last.slice(0, 4)).toEqual([1, 1, "token", { bbox: null, interval_ms: 1_000 }])
  })

  it("holds who is in view, where, and as old as the server says", async () => {
    const { peer, client } = await clientUnderTest()
    peer.tell(snapshot([1, 2]))
    peer.tell(positions([2]))
    const moved = client.roster.find("drv_e1_2")
    expect(client.state).toBe("live")
    expect(client.roster.size).toBe(2)
    expect(moved).toMatchObject({ name: "Driver 2", lng: 13.400_01, status: "carrying", headingDeg: 90 })
    expect(moved?.recordedAt).toBe(at + 750)
    peer.tell([34, [1]])
    expect(client.roster.find("drv_e1_1")).toBeUndefined()
  })

  it("comes back by itself and asks to resume after the last event that was handled", async () => {
    const { clock, peer, client } = await clientUnderTest()
    peer.tell(snapshot([1]))
    peer.tell([35, 8, "shp_1", "shipment.assigned", at, {}])
    peer.drop()
    expect(client.state).toBe("waiting")
    await clock.advance(600)
    expect(peer.connections).toHaveLength(2)
    expect(peer.last.slice(4)).toEqual(["e1", 8])
  })

  it("drops whom a resumed view no longer holds", async () => {
    const { clock, peer, client } = await clientUnderTest()
    peer.tell(snapshot([1, 2, 3]))
    peer.drop()
    await clock.advance(600)
    peer.tell([36, "e1", 7])
    expect(client.roster.size).toBe(3)
    peer.tell([37, [2], ["drv_e1_2"], ["Driver 2"]])
    peer.tell(positions([2]))
    expect([...client.roster.drivers()].map(({ id }) => id)).toEqual(["drv_e1_2"])
  })

  it("forgets every handle when the server begins a new epoch", async () => {
    const { clock, peer, client } = await clientUnderTest()
    peer.tell(snapshot([1, 2]))
    peer.drop()
    await clock.advance(600)
    peer.tell(snapshot([1], "e2", 0))
    expect([...client.roster.drivers()].map(({ id }) => id)).toEqual(["drv_e2_1"])
  })

  it("asks again for an event whose handling failed", async () => {
    let failures = 1
    const heard: Array<number> = []
    const { clock, peer } = await clientUnderTest({
      event: ({ offset }) => {
        if (failures-- > 0) throw new Error("the page failed")
        heard.push(offset)
      }
    })
    peer.tell(snapshot([1]))
    expect(() => peer.tell([35, 8, "shp_1", "shipment.assigned", at, {}])).toThrow("the page failed")
    await clock.advance(600)
    expect(peer.last.slice(4)).toEqual(["e1", 7])
    peer.tell([36, "e1", 7])
    peer.tell([35, 8, "shp_1", "shipment.assigned", at, {}])
    expect(heard).toEqual([8])
  })

  it("waits with full jitter above the floor, and after what the server asked for", async () => {
    const waits: Array<number> = []
    const { clock, peer } = await clientUnderTest(
      { lost: ({ retryInMs }) => void waits.push(retryInMs) },
      { random: () => 0 }
    )
    peer.isAway = true
    peer.goodbye(4000, 3_000)
    await clock.advance(3_200)
    await clock.advance(200)
    expect(waits).toEqual([3_200, 200, 200])
  })

  it("stops for good at 4500 and above, with the reason", async () => {
    const { clock, peer, client } = await clientUnderTest()
    peer.tell(snapshot([1]))
    peer.goodbye(4504)
    await clock.advance(60_000)
    expect(client.stopped).toEqual({ kind: "closed", code: 4504, reason: "scripted" })
    expect(peer.connections).toHaveLength(1)
  })

  it("asks for a newer token once when one is refused, and stops when that is refused as well", async () => {
    const reasons: Array<string> = []
    const token = (reason: string) => {
      reasons.push(reason)
      return Promise.resolve("token")
    }
    const { clock, peer, client } = await clientUnderTest({}, { token })
    peer.goodbye(4501)
    await clock.advance(600)
    peer.goodbye(4501)
    expect(reasons).toEqual(["start", "refused"])
    expect(client.stopped).toMatchObject({ code: 4501 })
  })

  it("sends a fresh token before the old one ends", async () => {
    const iat = at / 1_000
    const jwt = `h.${btoa(JSON.stringify({ iat, exp: iat + 900 }))}.s`
    const { clock, peer } = await clientUnderTest({}, { token: () => Promise.resolve(jwt) })
    peer.tell(snapshot([1]))
    for (let minute = 0; minute < 14; minute++) {
      await clock.advance(30_000)
      peer.tell(positions([1], clock.unixMs()))
      await clock.advance(30_000)
      peer.tell(positions([1], clock.unixMs()))
    }
    await clock.advance(5_000)
    expect(peer.connections.flatMap(({ frames }) => frames).filter(([type]) => type === 3)).toContainEqual([3, jwt])
  })

  it("asks a silent server whether it is there, and takes the stream up anew when it is not", async () => {
    const { clock, peer } = await clientUnderTest()
    peer.tell(snapshot([1]))
    await clock.advance(25_000)
    expect(peer.last[0]).toBe(2)
    await clock.advance(10_000)
    expect(peer.connections).toHaveLength(2)
    expect(peer.last.slice(4)).toEqual(["e1", 7])
  })

  it("begins the next connection where it looks now", async () => {
    const { clock, peer, client } = await clientUnderTest()
    peer.tell(snapshot([1]))
    client.look({ bbox: [13, 52, 14, 53] })
    expect(peer.last).toEqual([2, { bbox: [13, 52, 14, 53], interval_ms: 1_000 }])
    peer.drop()
    client.look({ bbox: [1, 2, 3, 4] })
    await clock.advance(600)
    expect(peer.last[3]).toEqual({ bbox: [1, 2, 3, 4], interval_ms: 1_000 })
  })

  it("drops a connection that sends what cannot be read", async () => {
    const { peer, client } = await clientUnderTest()
    peer.tell(snapshot([1]))
    peer.tell([33, at, [1, 2], [3], [4], [5], [6], [7]])
    expect(client.state).toBe("waiting")
    expect(client.roster.size).toBe(1)
  })
})
