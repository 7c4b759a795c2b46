import { expect, it, onTestFinished } from "vitest"
import { DriverClient } from "../../src/client/DriverClient.ts"
import { RestClient } from "../../src/client/RestClient.ts"
import { bareId } from "../../src/domain/Ids.ts"
import { TrackingServerFrame } from "../../src/protocol/FrameType.ts"
import { loopReport, watchedLoop } from "../kit/LoopReport.ts"
import { promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { processAdmin, ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { SlowReader } from "../kit/SlowReader.ts"
import { type PlacedOrder, TrackedOrders } from "../kit/TrackedOrders.ts"
import { trackFrame, watchOrder } from "../kit/TrackingWatch.ts"
import { until } from "../kit/Until.ts"
import type { WireClient } from "../kit/WireClient.ts"

const viewers = promiseSize({ ci: 300, nightly: 1_000 })
const slowMany = promiseSize({ ci: 15, nightly: 50 })
const witnesses = 5
const crowdOrders = 10
const eventBytes = 12 * 1024
const eventsAtOnce = 20
/** What kernels hold for a reader lies far below this, so every slow one meets the server's own bound. */
const floodEventsMax = 1_500
const positionEveryMs = 500
/** Positions that each of the crowd has before, and while, the others are slow. */
const positionsPerPhase = 6
/** What 51 slow readers may cost: 64 KiB each, what is being sent, and what a collector has not collected yet. */
const rssGrowthBytesMax = 128 * 1024 * 1024

/** Puts large events into an order's log, as dispatchers' long reasons would. */
const tellLarge = (orders: TrackedOrders, { orderId, shipmentId }: PlacedOrder) =>
  orders.client.query(
    `WITH numbered AS (UPDATE orders SET last_event_no = last_event_no + $4 WHERE id = $1 RETURNING last_event_no AS no)
     INSERT INTO shipment_events (id, order_id, event_no, shipment_id, version, type, occurred_at, actor_kind, cause, data)
     SELECT gen_random_uuid(), $1, no - n, $2, no - n, 'shipment.failed', now(), 'system', 'test',
       jsonb_build_object('reason_code', repeat('x', $3)) FROM numbered, generate_series($4 - 1, 0, -1) AS n`,
    [orderId, shipmentId, eventBytes, eventsAtOnce]
  )

/** Drivers on the road, each with one order, who report twice a second until the test ends. */
const driveAll = async (server: ServerProcess, orders: TrackedOrders): Promise<ReadonlyArray<PlacedOrder>> => {
  const rest = new RestClient({ url: server.url })
  await rest.signIn(processAdmin.email, processAdmin.password)
  const people = Array.from({ length: crowdOrders }, (_, i) => ({
    email: `p13-${i}@promise.example`,
    name: `Driver ${i}`
  }))
  const ids = await Promise.all(people.map(async (person) => (await rest.createDriver(person)).id))
  const tokens = await rest.provisionTokens(ids)
  const clients = tokens.map(
    ({ access_token }) =>
      new DriverClient({ url: server.driverUrl("realtime"), token: () => Promise.resolve(access_token), holdMsMax: 0 })
  )
  let steps = 0
  const timer = setInterval(() => {
    steps++
    for (const client of clients) client.report({ recordedAt: Date.now(), lat: 52.52 + steps * 1e-5, lng: 13.405 })
  }, positionEveryMs)
  onTestFinished(async () => {
    clearInterval(timer)
    await Promise.all(clients.map((client) => client.stop()))
  })
  await Promise.all(clients.map((client) => client.start()))
  return Promise.all(
    ids.map((id) => orders.onTheWay({ driverId: bareId("driver", id) ?? id, userId: "", authSessionId: "" }))
  )
}

/** From a driver's report to a customer's page, for positions told since the last call. */
class Latencies {
  private seen: Array<number> = []

  listen(page: WireClient): void {
    let counted = page.frames.length
    page.socket.on("message", () => {
      const now = Date.now()
      for (; counted < page.frames.length; counted++) {
        const [type, recordedAt] = page.frames[counted] ?? []
        if (type === TrackingServerFrame.position) this.seen.push(now - Number(recordedAt))
      }
    })
  }

  get count(): number {
    return this.seen.length
  }

  take(): { readonly count: number; readonly p50Ms: number; readonly p99Ms: number } {
    const sorted = this.seen.toSorted((a, b) => a - b)
    this.seen = []
    const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
    return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99) }
  }
}

/** Customers of the drivers' orders. */
const gatherCrowd = async (server: ServerProcess, orders: TrackedOrders, latencies: Latencies) => {
  const url = `ws://127.0.0.1:${server.realtimePort}`
  const crowd: Array<WireClient> = []
  for (const order of await driveAll(server, orders)) {
    const links = await orders.links(order, Math.round((viewers - slowMany - 1 - witnesses) / crowdOrders))
    const pages = await Promise.all(
      links.map(({ token }) => watchOrder(url, { token, minIntervalMs: positionEveryMs }))
    )
    for (const page of pages) await page.next(TrackingServerFrame.snapshot)
    for (const page of pages) latencies.listen(page)
    crowd.push(...pages)
  }
  return crowd
}

/** Customers of the order that much is told of: those who will be slow, and witnesses who are not. */
const openFlooded = async (server: ServerProcess, orders: TrackedOrders, order: PlacedOrder) => {
  const tokens = (await orders.links(order, 1 + slowMany + witnesses)).map(({ token }) => token)
  const readers = await Promise.all(
    tokens.slice(witnesses).map((token) => SlowReader.open(server.realtimePort, "/v1/track", trackFrame({ token })))
  )
  const url = `ws://127.0.0.1:${server.realtimePort}`
  const watching = await Promise.all(tokens.slice(0, witnesses).map((token) => watchOrder(url, { token })))
  for (const page of watching) await page.next(TrackingServerFrame.snapshot)
  await until(
    "the snapshot of every slow reader",
    () => readers.filter(({ frames }) => frames[0]?.[0] === TrackingServerFrame.snapshot).length,
    (begun) => begun === readers.length,
    30_000
  )
  return { readers, watching }
}

const offsetsOf = (frames: ReadonlyArray<ReadonlyArray<unknown>>): ReadonlyArray<unknown> =>
  frames.filter((frame) => frame[0] === TrackingServerFrame.event).map((frame) => frame[1])

it(`P13: of ${viewers} customers one who stops reading and ${slowMany} who read a kilobyte a second are let go, and cost nobody else a frame`, {
  timeout: 400_000
}, async () => {
  const { databaseUrl, environment } = await serverServices()
  const server = await ServerProcess.start({ ...environment, ...watchedLoop })
  const orders = await TrackedOrders.open(databaseUrl)
  onTestFinished(() => orders.close())
  const latencies = new Latencies()
  const crowd = await gatherCrowd(server, orders, latencies)
  const flooded = await orders.place()
  const { readers, watching } = await openFlooded(server, orders, flooded)
  const enough = (): Promise<number> =>
    until(
      "positions for the crowd",
      () => latencies.count,
      (count) => count >= crowd.length * positionsPerPhase,
      60_000
    )
  latencies.take()
  await enough()
  const before = latencies.take()
  const { rss } = await loopReport(server)
  readers.forEach((reader, i) => reader.slow(i === 0 ? 0 : 1_024))
  const beganAtMs = performance.now()
  const letGo = (): Promise<number> => server.metric("dropmate_sockets_closed_total", 'reason="too_slow"')
  let events = 0
  let rssMax = rss
  while (events < floodEventsMax && (await letGo()) < readers.length) {
    await tellLarge(orders, flooded)
    events += eventsAtOnce
    rssMax = Math.max(rssMax, server.rssBytes())
    await until(
      "the events at every witness",
      () => Math.min(...watching.map((page) => offsetsOf(page.frames).length)),
      (least) => least >= events,
      60_000
    )
  }
  const floodMs = Math.round(performance.now() - beganAtMs)
  await enough()
  const during = latencies.take()
  const afterwards = await loopReport(server)
  reportPromise("P13 customers", {
    viewers: crowd.length + readers.length + witnesses,
    slow: slowMany,
    stopped: 1,
    letGo: await letGo(),
    events,
    eventBytes,
    floodMs,
    latency: { before, during },
    rssGrownMiB: Math.round((rssMax - rss) / 104_857.6) / 10,
    rssGrownAfterMiB: Math.round((afterwards.rss - rss) / 104_857.6) / 10
  })
  expect(await letGo()).toBe(readers.length)
  expect(rssMax - rss).toBeLessThan(rssGrowthBytesMax)
  for (const page of crowd) expect(page.closed).toBeUndefined()
  const told = offsetsOf(watching[0]?.frames ?? [])
  expect(told.length).toBe(events)
  for (const page of watching) expect(offsetsOf(page.frames)).toEqual(told)
  for (const reader of readers) {
    reader.hurry()
    await until("the end of a slow reader", () => reader.isClosed, Boolean, 30_000)
    const got = offsetsOf(reader.frames)
    expect(got.length).toBeLessThan(events)
    expect(got).toEqual(told.slice(0, got.length))
  }
})
