import { describe, expect, it } from "vitest"
import { foldEntries } from "../../src/client/DriverStore.ts"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { clientUnderTest } from "./ClientUnderTest.ts"
import { memoryStore } from "./MemoryStore.ts"

const framesOf = (frames: ReadonlyArray<ReadonlyArray<unknown>>, type: number) =>
  frames.filter((frame) => frame[0] === type)

describe("HELLO and WELCOME", () => {
  it("says HELLO with version, token, device and an attempt that rises with each connection", async () => {
    const { server, clock, start } = clientUnderTest({ platform: "android", appVersion: "7", capabilities: ["photo"] })
    await start()
    expect(server.link.frames[0]).toEqual([1, 1, "token", "id-1", "android", "7", ["photo"], 1])
    server.drop()
    await clock.advance(2_000)
    expect(server.links).toHaveLength(2)
    expect(server.link.frames[0]?.[7]).toBe(2)
  })

  it("drops what the server has committed and sends only the rest", async () => {
    const { server, clock, client, report, start } = clientUnderTest()
    await start()
    report(5)
    await clock.advance(20)
    server.link.buffer.splice(3)
    server.committed.set(client.deviceId, server.link.buffer.slice())
    server.drop()
    await clock.advance(2_000)
    expect(client.ackedSeq).toBe(3)
    expect(client.counters.ackedUnseen).toBe(3)
    expect(server.link.buffer).toHaveLength(2)
    server.commit()
    await clock.advance(20)
    expect(client.pending).toBe(0)
    expect(server.breaches).toEqual([])
  })

  it("numbers its queue anew when the server was restored to an older state", async () => {
    const { server, clock, client, reported, report, start } = clientUnderTest()
    await start()
    report(10)
    await clock.advance(20)
    server.commit(8)
    await clock.advance(20)
    server.committed.set(client.deviceId, server.points.slice(0, 4))
    server.drop()
    await clock.advance(2_000)
    server.commit()
    await clock.advance(20)
    expect(server.points).toEqual([...reported.slice(0, 4), ...reported.slice(8)])
    expect(client.pending).toBe(0)
    expect(server.breaches).toEqual([])
  })

  it("continues at the server's number when it was restored and nothing waits", async () => {
    const { server, clock, client, reported, report, start } = clientUnderTest()
    await start()
    report(6)
    await clock.advance(20)
    server.commit()
    await clock.advance(20)
    server.committed.set(client.deviceId, server.points.slice(0, 2))
    server.drop()
    await clock.advance(2_000)
    report(1)
    await clock.advance(20)
    server.commit()
    expect(server.points).toEqual([...reported.slice(0, 2), reported[6]])
    expect(server.breaches).toEqual([])
  })

  it("takes a new deviceId when the server knows more than the phone ever sent", async () => {
    const store = memoryStore({
      deviceId: "old",
      attempt: 4,
      ackedSeq: 3,
      ackedRecordedAt: 1,
      points: [],
      commands: []
    })
    const { server, clock, client, reported, report, start } = clientUnderTest({ store })
    server.committed.set("old", [7, 8, 9, 10, 11])
    report(2)
    await start()
    await clock.advance(100)
    expect(client.deviceId).not.toBe("old")
    server.commit()
    await clock.advance(20)
    expect(server.points).toEqual(reported)
    expect(server.committed.get("old")).toHaveLength(5)
    expect(foldEntries(store.entries)?.deviceId).toBe(client.deviceId)
  })

  it("takes a new deviceId when the last committed point has another time than the phone remembers", async () => {
    const store = memoryStore({
      deviceId: "old",
      attempt: 1,
      ackedSeq: 2,
      ackedRecordedAt: 500,
      points: [],
      commands: []
    })
    const { server, clock, client, start } = clientUnderTest({ store })
    server.committed.set("old", [400, 501])
    await start()
    await clock.advance(100)
    expect(client.deviceId).not.toBe("old")
    expect(client.state).toBe("live")
  })

  it("gives up a connection that is not welcomed, and comes back", async () => {
    const { server, clock, client, start } = clientUnderTest()
    server.welcomes = false
    await start()
    expect(client.state).toBe("connecting")
    await clock.advance(15_000)
    expect(client.state).toBe("waiting")
    server.welcomes = true
    await clock.advance(2_000)
    expect(client.state).toBe("live")
  })
})

describe("credit", () => {
  it("never has more points on the way than the window", async () => {
    const { server, clock, report, start } = clientUnderTest()
    server.window = 7
    await start()
    report(30)
    await clock.advance(20)
    expect(server.link.buffer).toHaveLength(7)
    expect(server.breaches).toEqual([])
  })

  it("pauses at CREDIT 0 and goes on at the next positive one", async () => {
    const { server, clock, report, start } = clientUnderTest()
    await start()
    server.credit(0)
    await clock.advance(20)
    report(3)
    await clock.advance(30_000)
    expect(server.link.buffer).toHaveLength(0)
    server.credit(2)
    await clock.advance(20)
    expect(server.link.buffer).toHaveLength(2)
  })

  it("sends a backlog in frames of up to 500 points, each within the frame limit", async () => {
    const { server, clock, report, start } = clientUnderTest()
    server.window = 1_000
    report(1_200)
    await start()
    expect(
      framesOf(server.link.frames, DriverClientFrame.batch).map((frame) => (frame[3] as Array<number>).length)
    ).toEqual([500, 500])
    server.commit()
    await clock.advance(20)
    expect(server.link.buffer).toHaveLength(200)
    expect(server.breaches).toEqual([])
  })

  it("does not send crumbs of a backlog while much is on the way", async () => {
    const { server, clock, report, start } = clientUnderTest()
    server.window = 100
    report(400)
    await start()
    const before = server.link.frames.length
    server.commit(3)
    await clock.advance(20)
    expect(server.link.frames).toHaveLength(before)
    server.commit(60)
    await clock.advance(20)
    expect(server.link.frames).toHaveLength(before + 1)
  })
})

describe("REFUSED", () => {
  it("goes back to the expected number after retryAfterMs", async () => {
    const { server, clock, client, reported, report, start } = clientUnderTest()
    await start()
    report(5)
    await clock.advance(20)
    server.loseBuffer(400)
    await clock.advance(300)
    expect(server.link.buffer).toHaveLength(0)
    await clock.advance(200)
    server.commit()
    await clock.advance(20)
    expect(server.points).toEqual(reported)
    expect(client.counters.resent).toBe(5)
  })

  it("waits for an ACK after credit_exceeded, however long it takes", async () => {
    const { server, clock, report, reported, start } = clientUnderTest()
    await start()
    report(4)
    await clock.advance(20)
    server.link.buffer.splice(2)
    server.tell([DriverServerFrame.refused, 3, "credit_exceeded", 100])
    await clock.advance(10_000)
    expect(server.link.buffer).toHaveLength(2)
    server.commit()
    await clock.advance(20)
    server.commit()
    expect(server.points).toEqual(reported)
  })

  it("goes on behind an ACK for points that it was about to send again", async () => {
    const { server, clock, reported, report, start } = clientUnderTest()
    await start()
    report(5)
    await clock.advance(20)
    server.repeatRefusal()
    await clock.advance(10)
    server.commit()
    await clock.advance(10)
    report(2)
    await clock.advance(200)
    server.commit()
    expect(server.points).toEqual(reported)
    expect(server.breaches).toEqual([])
  })

  it("says HELLO anew when the server expects a number that makes no sense", async () => {
    const { server, clock, report, start } = clientUnderTest()
    await start()
    report(2)
    await clock.advance(20)
    server.tell([DriverServerFrame.refused, 40, "sequence_gap", 0])
    await clock.advance(2_000)
    expect(server.links).toHaveLength(2)
    expect(server.link.buffer).toHaveLength(2)
  })
})

describe("FLAGGED", () => {
  it("tells the app and counts each point once", async () => {
    const { server, clock, client, report, start } = clientUnderTest()
    const flagged: Array<unknown> = []
    client.on("flagged", (event) => flagged.push(event))
    await start()
    report(3)
    await clock.advance(20)
    for (const _ of [1, 2]) server.tell([DriverServerFrame.flagged, 2, "clock_past"])
    server.commit()
    await clock.advance(20)
    expect(flagged).toEqual([{ seq: 2, code: "clock_past" }])
    expect(client.counters.quarantined).toBe(1)
    expect(client.counters.acked).toBe(3)
  })
})

describe("batches", () => {
  it("waits for a batch of the cadence to fill, but no longer than the batch would take", async () => {
    const { server, clock, report, start } = clientUnderTest({ holdMsMax: 60_000 })
    server.cadence = { moving_ms: 1_000, idle_ms: 5_000, batch: 4 }
    await start()
    report(3)
    await clock.advance(2_900)
    expect(server.link.buffer).toHaveLength(0)
    await clock.advance(200)
    expect(server.link.buffer).toHaveLength(3)
    report(4)
    await clock.advance(20)
    expect(server.link.buffer).toHaveLength(7)
    expect(framesOf(server.link.frames, DriverClientFrame.batch)).toHaveLength(2)
  })

  it("starts a new batch where the clock steps back, the source or the battery changes", async () => {
    const { server, clock, client, start } = clientUnderTest()
    const fix = { lat: 1, lng: 2, battery: 50 }
    client.report({ ...fix, recordedAt: 2_000 })
    client.report({ ...fix, recordedAt: 3_000 })
    client.report({ ...fix, recordedAt: 1_000 })
    client.report({ ...fix, recordedAt: 4_000, battery: 49 })
    client.report({ ...fix, recordedAt: 5_000, battery: 49, source: "network" })
    await start()
    await clock.advance(20)
    expect(server.link.buffer).toEqual([2_000, 3_000, 1_000, 4_000, 5_000])
    expect(server.link.frames.slice(1).map((frame) => frame[0])).toEqual([3, 2, 2, 2])
    expect(server.breaches).toEqual([])
  })

  it("does not wait for a batch when the app wants everything flushed", async () => {
    const { server, clock, client, report, start } = clientUnderTest({ holdMsMax: 60_000 })
    server.cadence = { moving_ms: 1_000, idle_ms: 5_000, batch: 50 }
    await start()
    report(3)
    const flushed = client.flushed()
    await clock.advance(20)
    server.commit()
    await clock.advance(20)
    await flushed
    expect(client.pending).toBe(0)
  })
})

describe("BEACON", () => {
  it("goes ahead of a backlog at most once a second, with the newest position", async () => {
    const { server, clock, client, start } = clientUnderTest()
    server.window = 10
    await start()
    const fix = { lat: 1, lng: 2 }
    for (let i = 0; i < 40; i++) client.report({ ...fix, recordedAt: clock.unixMs() + i })
    await clock.advance(500)
    client.report({ ...fix, recordedAt: clock.unixMs() })
    await clock.advance(600)
    client.report({ ...fix, recordedAt: clock.unixMs() })
    await clock.advance(20)
    expect(framesOf(server.link.frames, DriverClientFrame.beacon)).toHaveLength(2)
    expect(client.counters.beacons).toBe(2)
  })

  it("is not sent when nothing is in the way, nor for positions of long ago", async () => {
    const { server, clock, client, report, start } = clientUnderTest()
    server.window = 10
    await start()
    report(60)
    await clock.advance(1_000)
    expect(client.counters.beacons).toBe(0)
    expect(framesOf(server.link.frames, DriverClientFrame.beacon)).toHaveLength(0)
  })
})

describe("commands", () => {
  it("sends DUTY before the backlog and again after a reconnect, with the same commandId, until it is answered", async () => {
    const { server, clock, client, report, start } = clientUnderTest()
    server.answersCommands = false
    report(3)
    const result = client.duty("on", 123)
    await start()
    expect(server.link.frames.map((frame) => frame[0])).toEqual([1, 5, 3])
    const [first] = framesOf(server.link.frames, DriverClientFrame.duty)
    server.answersCommands = true
    server.drop()
    await clock.advance(2_000)
    const [second] = framesOf(server.link.frames, DriverClientFrame.duty)
    expect(second).toEqual(first)
    expect(await result).toEqual({ commandId: first?.[1], ok: true, detail: undefined })
    server.drop()
    await clock.advance(2_000)
    expect(framesOf(server.link.frames, DriverClientFrame.duty)).toHaveLength(0)
  })

  it("sends a command again when the server could not decide, and takes any other answer as final", async () => {
    const { server, clock, client, start } = clientUnderTest()
    server.answersCommands = false
    await start()
    const result = client.task("asg_1", 3, "arrived", {}, 5)
    await clock.advance(20)
    const [task] = framesOf(server.link.frames, DriverClientFrame.task)
    expect(task?.slice(2)).toEqual(["asg_1", 3, "arrived", 5, {}])
    server.tell([DriverServerFrame.result, task?.[1], false, { code: "busy" }])
    await clock.advance(5_000)
    expect(framesOf(server.link.frames, DriverClientFrame.task)).toHaveLength(2)
    server.tell([DriverServerFrame.result, task?.[1], false, { code: "illegal_transition", allowed: ["delivered"] }])
    await clock.advance(20)
    expect((await result).detail).toEqual({ code: "illegal_transition", allowed: ["delivered"] })
  })
})

describe("bad input", () => {
  it("refuses a fix without a place or a time, and changes nothing", () => {
    const { client } = clientUnderTest()
    expect(() => client.report({ recordedAt: 1, lat: Number.NaN, lng: 1 })).toThrow("lat of a fix")
    expect(() => client.report({ recordedAt: 1, lat: 1, lng: 181 })).toThrow("lng of a fix")
    expect(() => client.report({ recordedAt: Number.NaN, lat: 1, lng: 1 })).toThrow("recordedAt of a fix")
    expect(client.pending).toBe(0)
  })

  it("takes what location services use for unknown as unknown", async () => {
    const { server, client, start } = clientUnderTest()
    client.report({ recordedAt: 1, lat: 1, lng: 1, speedMps: -1, headingDeg: -1, accuracyM: 0, battery: Number.NaN })
    await start()
    expect(server.link.frames[1]).toEqual([2, 1, 1, 10_000_000, 10_000_000, null, null, null, null, 0])
  })

  it("refuses a URL that is no WebSocket's", () => {
    expect(() => clientUnderTest({ url: "http://x" })).toThrow("not a ws: or wss: URL")
  })

  it("takes no more points than the queue may hold", async () => {
    const { client, report } = clientUnderTest({ queuePointsMax: 3 })
    report(5)
    expect(client.pending).toBe(3)
  })
})
