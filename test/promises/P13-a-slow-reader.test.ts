import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import { afterAll, beforeAll, expect, it } from "vitest"
import { RealtimeServer } from "../../src/gateway/RealtimeServer.ts"
import { FleetServerFrame } from "../../src/protocol/FrameType.ts"
import { FleetHub } from "../../src/realtime/FleetHub.ts"
import { type EngineUnderTest, startEngine } from "../kit/EngineUnderTest.ts"
import { insertUser, tokenOf, watchFleet } from "../kit/FleetWatch.ts"
import { promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { until } from "../kit/Until.ts"
import type { WireClient } from "../kit/WireClient.ts"

const viewers = promiseSize({ ci: 20, nightly: 200 })
const slowViewers = Math.max(1, Math.round(viewers / 20))
const eventBytes = 12 * 1024
const eventsPerRound = 4
/** What the kernel holds for a reader on loopback lies far below this, so a stopped one meets the server's own bound. */
const floodBytes = 24 * 1024 * 1024
/** In the server for each socket. */
const backpressureBytes = 64 * 1024

let engine: EngineUnderTest

beforeAll(async () => {
  engine = await startEngine({ limits: { fleetBackpressureBytesMax: backpressureBytes, closeAnswerMs: 500 } })
})
afterAll(() => engine.drop())

const offsetsOf = (page: WireClient): ReadonlyArray<unknown> => page.of(FleetServerFrame.event).map((frame) => frame[1])

it("P13: a reader who stops is let go at 64 KiB, one who reads little has no hole in what it got, and every other reader gets every event", {
  timeout: 90_000
}, async () => {
  const token = await tokenOf(engine, await insertUser(engine, "dispatcher"))
  const pages = await Promise.all(Array.from({ length: viewers }, () => watchFleet(engine.url, { token })))
  await Promise.all(pages.map((page) => page.next(FleetServerFrame.snapshot)))
  const [stopped, ...rest] = pages as [WireClient, ...Array<WireClient>]
  const slow = rest.slice(0, slowViewers)
  const quick = rest.slice(slowViewers)
  stopped.socket.pause()
  for (const page of slow) page.socket.pause()
  // One read of what has come each second, at most what a kernel hands over at once.
  const sips = setInterval(() => {
    for (const { socket } of slow) {
      socket.resume()
      setImmediate(() => socket.pause())
    }
  }, 1_000)
  const text = "x".repeat(eventBytes)
  const open = (): Promise<number> => engine.run(Effect.map(RealtimeServer, (server) => server.sockets()))
  let events = 0
  const round = async (): Promise<void> => {
    await engine.run(
      Effect.map(FleetHub, (hub) => {
        for (let i = 0; i < eventsPerRound; i++) {
          hub.publish({
            orderId: randomUUID(),
            shipmentId: randomUUID(),
            type: "shipment.assigned",
            occurredAt: events++,
            data: { text }
          })
        }
      })
    )
    const late = (): number => quick.filter((page) => page.frames.length < 1 + events).length
    await until("the round at every quick reader", late, (many) => many === 0)
  }
  try {
    while ((await open()) === viewers && events * eventBytes < floodBytes) await round()
    for (let i = 0; i < 20; i++) await round()
  } finally {
    clearInterval(sips)
  }
  const all = Array.from({ length: events }, (_, i) => i + 1)
  for (const page of quick) {
    expect(offsetsOf(page)).toEqual(all)
    expect(page.closed).toBeUndefined()
  }
  stopped.socket.resume()
  // The close frame reaches only who reads what lies before it in time.
  expect([4001, 1006]).toContain(await stopped.closeCode())
  expect(offsetsOf(stopped).length).toBeLessThan(events)
  for (const page of slow) {
    page.socket.resume()
    await until(
      "everything, or the end",
      () => page.closed !== undefined || offsetsOf(page).length === events,
      (isOver) => isOver
    )
  }
  for (const page of [stopped, ...slow]) {
    const got = offsetsOf(page)
    expect(got).toEqual(all.slice(0, got.length))
  }
  reportPromise("P13", { viewers, slow: 1 + slowViewers, events, eventBytes, stoppedAfter: offsetsOf(stopped).length })
})
