import { describe, expect, it } from "vitest"
import { DriverStopped } from "../../src/client/DriverStopped.ts"
import type { DriverStore, StoredDriver, StoreEntry } from "../../src/client/DriverStore.ts"
import { foldEntries } from "../../src/client/DriverStore.ts"
import { CloseCode } from "../../src/protocol/CloseCode.ts"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { clientUnderTest } from "./ClientUnderTest.ts"
import { settle } from "./VirtualClock.ts"

const framesOf = (frames: ReadonlyArray<ReadonlyArray<unknown>>, type: number) =>
  frames.filter((frame) => frame[0] === type)

const memoryStore = (stored?: StoredDriver): DriverStore & { readonly entries: Array<StoreEntry> } => {
  const entries: Array<StoreEntry> = []
  return { entries, load: () => stored, record: (entry) => entries.push(entry), close: () => undefined }
}

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

describe("tokens", () => {
  const jwt = (expMs: number): string => `h.${btoa(JSON.stringify({ exp: expMs / 1_000 }))}.s`

  it("sends a fresh token with AUTH a minute before the old one ends, by the server's clock", async () => {
    const reasons: Array<string> = []
    const test = clientUnderTest({
      token: (reason) => {
        reasons.push(reason)
        return Promise.resolve(jwt(test.clock.unixMs() + 15 * 60_000))
      }
    })
    await test.start()
    await test.clock.advance(13.9 * 60_000)
    expect(framesOf(test.server.link.frames, DriverClientFrame.auth)).toHaveLength(0)
    await test.clock.advance(10_000)
    expect(framesOf(test.server.link.frames, DriverClientFrame.auth)).toHaveLength(1)
    expect(reasons).toEqual(["start", "expiring"])
    expect(test.server.links).toHaveLength(1)
  })

  it("asks once more after 4501, and stops when the new token is refused too", async () => {
    const reasons: Array<string> = []
    const { server, clock, client, report, start } = clientUnderTest({
      token: (reason) => {
        reasons.push(reason)
        return Promise.resolve(reason)
      }
    })
    server.welcomes = false
    report(2)
    await start()
    server.goodbye(CloseCode.tokenInvalid)
    await clock.advance(2_000)
    expect(reasons).toEqual(["start", "refused"])
    const flushed = client.flushed()
    server.goodbye(CloseCode.tokenInvalid)
    const failure = expect(flushed).rejects.toThrow(DriverStopped)
    await clock.advance(2_000)
    await failure
    expect(client.stopped).toEqual({ kind: "closed", code: 4501, reason: "scripted" })
    expect(clock.armed).toBe(0)
  })

  it("refreshes after 4004 and comes back", async () => {
    const reasons: Array<string> = []
    const { server, clock, client, start } = clientUnderTest({
      token: (reason) => {
        reasons.push(reason)
        return Promise.resolve(reason)
      }
    })
    await start()
    server.goodbye(CloseCode.tokenExpired, 100)
    await clock.advance(3_000)
    expect(reasons).toEqual(["start", "refused"])
    expect(client.state).toBe("live")
  })

  it("stops as signed out when there is no token any more, and asks again later when the provider fails", async () => {
    const answers = [() => Promise.reject(new Error("offline")), () => Promise.resolve(undefined)]
    const { clock, client } = clientUnderTest({
      token: () => (answers.shift() ?? (() => Promise.resolve(undefined)))()
    })
    const failures: Array<unknown> = []
    client.on("tokenFailed", ({ cause }) => failures.push(cause))
    await client.start()
    await clock.advance(20)
    expect(failures).toHaveLength(1)
    expect(client.state).toBe("waiting")
    await clock.advance(2_000)
    expect(client.stopped).toEqual({ kind: "signed_out" })
  })
})

describe("coming back", () => {
  it("waits with full jitter between a floor and a cap, on top of retryAfterMs", async () => {
    const { server, clock, client, start } = clientUnderTest({ random: () => 0 })
    const waits: Array<number> = []
    client.on("lost", ({ retryInMs }) => waits.push(retryInMs))
    await start()
    server.goodbye(CloseCode.draining, 3_000)
    await clock.advance(3_100)
    expect(client.state).toBe("waiting")
    await clock.advance(500)
    expect(client.state).toBe("live")
    expect(waits).toEqual([3_200])
  })

  it("never waits longer than the cap, however often it fails", async () => {
    const { server, clock, client } = clientUnderTest({ random: () => 0.999 })
    const waits: Array<number> = []
    client.on("lost", ({ retryInMs }) => waits.push(retryInMs))
    server.isAway = true
    await client.start()
    await clock.advance(300_000)
    expect(Math.max(...waits)).toBeLessThanOrEqual(20_000)
    expect(waits.slice(0, 3)).toEqual([999, 1_998, 3_996])
    server.isAway = false
    await clock.advance(21_000)
    expect(client.state).toBe("live")
  })

  it.each([
    CloseCode.replaced,
    CloseCode.notPermitted,
    CloseCode.versionNotSupported,
    CloseCode.malformedFrame,
    CloseCode.tooManyConnections
  ])("stays away after %i", async (code) => {
    const { server, clock, client, start } = clientUnderTest()
    await start()
    server.goodbye(code)
    await clock.advance(60_000)
    expect(client.stopped).toEqual({ kind: "closed", code, reason: "scripted" })
    expect(server.links).toHaveLength(1)
    await expect(client.duty("on")).rejects.toThrow(DriverStopped)
    expect(client.report({ recordedAt: 1, lat: 1, lng: 1 })).toBe(false)
  })

  it("asks a silent server with PING, and leaves it when no answer comes", async () => {
    const { server, clock, client, start } = clientUnderTest()
    await start()
    await clock.advance(21_000)
    expect(framesOf(server.link.frames, DriverClientFrame.ping)).toHaveLength(1)
    expect(client.state).toBe("live")
    server.link.isOpen = false
    await clock.advance(70_000)
    expect(server.links.length).toBeGreaterThan(1)
  })

  it("keeps points while offline and sends them when online", async () => {
    const { server, clock, client, reported, report, start } = clientUnderTest()
    await start()
    client.offline()
    report(4)
    await clock.advance(60_000)
    expect(server.links).toHaveLength(1)
    expect(client.state).toBe("offline")
    client.online()
    await clock.advance(20)
    server.commit()
    expect(server.points).toEqual(reported)
  })
})

describe("store", () => {
  it("keeps every change, so that a new process goes on where the old one was killed", async () => {
    const store = memoryStore()
    const first = clientUnderTest({ store })
    await first.start()
    first.report(6)
    void first.client.duty("on", 5).catch(() => undefined)
    await first.clock.advance(5)
    first.server.commit(4)
    await first.clock.advance(6)
    const kept = foldEntries(store.entries)
    expect(kept?.points).toHaveLength(2)
    const second = clientUnderTest({ store: memoryStore(kept) })
    second.server.committed.set(first.client.deviceId, [...first.server.points])
    second.report(1)
    await second.start()
    second.server.commit()
    await second.clock.advance(20)
    expect(second.client.deviceId).toBe(first.client.deviceId)
    expect(second.server.points).toEqual([...first.reported, ...second.reported])
    expect(second.server.link.frames[0]?.[7]).toBe(2)
  })

  it("is read before the first HELLO, however often the network goes and comes meanwhile", async () => {
    const loaded = Promise.withResolvers<StoredDriver>()
    const store = { ...memoryStore(), load: () => loaded.promise }
    const { server, clock, client } = clientUnderTest({ store })
    const started = client.start()
    client.offline()
    client.online()
    await clock.advance(100)
    expect(server.links).toHaveLength(0)
    loaded.resolve({ deviceId: "kept", attempt: 7, ackedSeq: 0, ackedRecordedAt: null, points: [], commands: [] })
    await started
    await clock.advance(20)
    expect(server.links).toHaveLength(1)
    expect(server.link.frames[0]?.slice(3)).toEqual(["kept", "other", "0", null, 8])
  })

  it("stops quietly: no timer is left and the queue is kept", async () => {
    const store = memoryStore()
    const { clock, client, report, start } = clientUnderTest({ store })
    await start()
    report(2)
    await client.stop()
    await settle()
    await clock.advance(100)
    expect(clock.armed).toBe(0)
    expect(foldEntries(store.entries)?.points).toHaveLength(2)
    expect(client.stopped).toEqual({ kind: "requested" })
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
