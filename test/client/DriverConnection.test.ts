import { describe, expect, it } from "vitest"
import { DriverStopped } from "../../src/client/DriverStopped.ts"
import { foldEntries, type StoredDriver } from "../../src/client/DriverStore.ts"
import { CloseCode } from "../../src/protocol/CloseCode.ts"
import { DriverClientFrame } from "../../src/protocol/FrameType.ts"
import { clientUnderTest } from "./ClientUnderTest.ts"
import { memoryStore } from "./MemoryStore.ts"
import { settle } from "./VirtualClock.ts"

const framesOf = (frames: ReadonlyArray<ReadonlyArray<unknown>>, type: number) =>
  frames.filter((frame) => frame[0] === type)

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
  it("finds what was reported before its first connection when it is started again", async () => {
    const store = memoryStore()
    const first = clientUnderTest({ store })
    first.server.isAway = true
    await first.start()
    first.report(3)
    await first.client.stop()
    const second = clientUnderTest({ store: { ...memoryStore(), load: () => foldEntries(store.entries) } })
    await second.start()
    expect(second.client.pending).toBe(3)
    second.server.commit()
    await second.clock.advance(20)
    expect(second.client.pending).toBe(0)
  })

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
