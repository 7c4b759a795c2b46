import pg from "pg"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { customerEventTypes } from "../../src/domain/CustomerEvent.ts"
import { TrackingServerFrame } from "../../src/protocol/FrameType.ts"
import { type EngineUnderTest, startEngine } from "../kit/EngineUnderTest.ts"
import { type PlacedOrder, TrackedOrders } from "../kit/TrackedOrders.ts"
import { caughtUp, watchOrder } from "../kit/TrackingWatch.ts"
import { until } from "../kit/Until.ts"

let engine: EngineUnderTest
let orders: TrackedOrders

beforeAll(async () => {
  engine = await startEngine({ limits: { noticeReconnectMs: 100 } })
  orders = await TrackedOrders.open(engine.databaseUrl)
})
afterAll(async () => {
  await orders.close()
  await engine.drop()
})

/** Keeps everybody from reading where drivers are, which is what an order's reading ends with, until it is let go. */
const holdPlaces = async (): Promise<() => Promise<void>> => {
  const client = new pg.Client({ connectionString: engine.databaseUrl })
  await client.connect()
  onTestFinished(() => client.end())
  await client.query("BEGIN; LOCK TABLE driver_ingest_cursors IN ACCESS EXCLUSIVE MODE")
  return async () => {
    await client.query("COMMIT")
  }
}

const blockedReaders = async (): Promise<number> => {
  const [row] = await engine.rows<{ n: number }>(
    `SELECT count(*)::integer AS n FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%active_driver_locations%'`
  )
  return row?.n ?? 0
}

const doorbells = async (): Promise<ReadonlyArray<number>> =>
  (
    await engine.rows<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'dropmate-dropmate_orders' AND state = 'idle'`
    )
  ).map(({ pid }) => pid)

const shown = async (order: PlacedOrder) => (await orders.log(order)).filter(({ type }) => customerEventTypes.has(type))

describe("an event that is committed", () => {
  it("between the reading of the snapshot and the subscription is neither missed nor doubled", async () => {
    const order = await orders.onTheWay(await orders.driver())
    const link = await orders.link(order)
    const release = await holdPlaces()
    const page = await watchOrder(engine.url, { token: link.token })
    await until("the order's reading, half done", blockedReaders, (n) => n > 0)
    await orders.report(order, "arrived", "delivered")
    await release()
    const log = await shown(order)
    const seen = await caughtUp(page, (await orders.log(order)).at(-1)?.offset ?? 0)
    expect(seen.timeline).toEqual(log)
    expect(seen.repeated).toBe(0)
    expect(page.of(TrackingServerFrame.snapshot)).toHaveLength(1)
    expect(page.of(TrackingServerFrame.event).map((frame) => frame[2])).toEqual([
      "shipment.arrived",
      "shipment.delivered",
      "order.fulfilled"
    ])
  })

  it("while the order is being read again is told too", async () => {
    const order = await orders.onTheWay(await orders.driver())
    const page = await watchOrder(engine.url, { token: (await orders.link(order)).token })
    await page.next(TrackingServerFrame.snapshot)
    const release = await holdPlaces()
    await orders.report(order, "arrived")
    await until("the second reading, half done", blockedReaders, (n) => n > 0)
    await orders.report(order, "delivered")
    await release()
    const seen = await caughtUp(page, (await orders.log(order)).at(-1)?.offset ?? 0)
    expect(seen.timeline).toEqual(await shown(order))
    expect(seen.repeated).toBe(0)
  })

  it("while the doorbell is cut is told once it is back, to an order that was being opened as well", async () => {
    const [open, opening] = [await orders.onTheWay(await orders.driver()), await orders.onTheWay(await orders.driver())]
    const first = await watchOrder(engine.url, { token: (await orders.link(open)).token })
    await first.next(TrackingServerFrame.snapshot)
    const [bell] = await until("the doorbell", doorbells, ({ length }) => length === 1)
    const release = await holdPlaces()
    const second = await watchOrder(engine.url, { token: (await orders.link(opening)).token })
    await until("the order's reading, half done", blockedReaders, (n) => n > 0)
    await engine.rows("SELECT pg_terminate_backend($1)", [bell])
    await until("the end of the doorbell's connection", doorbells, (pids) => !pids.includes(bell as number))
    await orders.report(open, "arrived")
    await orders.report(opening, "arrived")
    await until("another doorbell", doorbells, ({ length }) => length === 1)
    await release()
    for (const [page, order] of [
      [first, open],
      [second, opening]
    ] as const) {
      const seen = await caughtUp(page, (await orders.log(order)).at(-1)?.offset ?? 0)
      expect(seen.timeline).toEqual(await shown(order))
      expect(seen.repeated).toBe(0)
    }
  })
})

it("a watcher who leaves while the order is read takes nothing from those who wait for the same reading", async () => {
  const order = await orders.onTheWay(await orders.driver())
  const links = await orders.links(order, 3)
  const release = await holdPlaces()
  const pages = await Promise.all(links.map(({ token }) => watchOrder(engine.url, { token })))
  await until("the order's reading, half done", blockedReaders, (n) => n > 0)
  pages[0]?.terminate()
  await release()
  for (const page of pages.slice(1)) await page.next(TrackingServerFrame.snapshot)
})

it("a link that is revoked while its order is read is closed with 4508", async () => {
  const [open, opening] = [await orders.place(), await orders.onTheWay(await orders.driver())]
  const [heard, link] = [await orders.link(open), await orders.link(opening)]
  const first = await watchOrder(engine.url, { token: heard.token })
  await first.next(TrackingServerFrame.snapshot)
  const release = await holdPlaces()
  const page = await watchOrder(engine.url, { token: link.token })
  await until("the order's reading, half done", blockedReaders, (n) => n > 0)
  await orders.revoke(heard, link)
  expect(await first.closeCode()).toBe(4508)
  await release()
  expect(await page.closeCode()).toBe(4508)
})
