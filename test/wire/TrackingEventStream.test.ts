import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { publicId } from "../../src/domain/Ids.ts"
import { OrderHub } from "../../src/realtime/OrderHub.ts"
import { type EngineUnderTest, startEngine } from "../kit/EngineUnderTest.ts"
import { EventSource } from "../kit/EventSource.ts"
import { serveEventStream } from "../kit/EventStreamServer.ts"
import { proxyDatabase } from "../kit/FaultProxy.ts"
import { type PlacedOrder, TrackedOrders } from "../kit/TrackedOrders.ts"
import { until } from "../kit/Until.ts"

let engine: EngineUnderTest
let orders: TrackedOrders
let url: string
let stopServer: () => Promise<void>

beforeAll(async () => {
  engine = await startEngine({ limits: { pingEveryMs: 100, trackingGraceMs: 600, noticeReconnectMs: 100 } })
  orders = await TrackedOrders.open(engine.databaseUrl)
  const served = await serveEventStream(engine)
  url = served.url
  stopServer = served.stop
})
afterAll(async () => {
  await stopServer()
  await orders.close()
  await engine.drop()
})

const read = async (token: string, lastEventId?: string, from: string = url): Promise<EventSource> => {
  const opened = await EventSource.open(from, {
    authorization: `Bearer ${token}`,
    ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId })
  })
  if (!(opened instanceof EventSource)) throw new Error(`no stream: ${JSON.stringify(opened)}`)
  return opened
}

const readOrder = async (order: PlacedOrder, lastEventId?: string): Promise<EventSource> =>
  read((await orders.link(order)).token, lastEventId)

const lastOffset = async (order: PlacedOrder): Promise<number> => (await orders.log(order)).at(-1)?.offset ?? 0

describe("an event stream", () => {
  it("begins with the snapshot, whose id is where to resume, and goes on with events and stages", async () => {
    const order = await orders.place()
    const offset = await lastOffset(order)
    const page = await readOrder(order)
    expect(page.headers["content-type"]).toMatch(/^text\/event-stream/)
    expect(page.headers["cache-control"]).toBe("no-store")
    const first = await page.next("snapshot")
    expect(first.id).toBe(`1:${offset}`)
    expect(first.data).toMatchObject({
      epoch: 1,
      offset,
      state: { order_id: publicId("order", order.orderId), stage: "scheduled" }
    })
    await orders.assign(order, await orders.driver())
    const told = await page.next("event")
    expect(told.id).toBe(`1:${await lastOffset(order)}`)
    expect(told.data).toEqual({
      offset: await lastOffset(order),
      type: "shipment.assigned",
      occurredAt: expect.any(Number),
      data: {}
    })
  })

  it("tells when a promised order is expected, and takes its id only from what can be resumed", async () => {
    const now = Date.now()
    const order = await orders.place({ start: new Date(now - 60_000), end: new Date(now + 3_600_000) })
    const page = await readOrder(order)
    const { state } = (await page.next("snapshot")).data as { state: { eta?: unknown } }
    expect(state.eta).toMatchObject({ source: "schedule" })
    const back = await readOrder(order, `1:${await lastOffset(order)}`)
    await back.next("resumed")
    await back.next("stage")
    const told = await back.next("eta")
    expect(told.id).toBeUndefined()
    expect(told.data).toEqual({
      p50At: expect.any(Number),
      p90At: expect.any(Number),
      remainingM: null,
      stopsAhead: null
    })
  })

  it("resumes after Last-Event-ID with every event that was missed", async () => {
    const order = await orders.onTheWay(await orders.driver())
    const before = await readOrder(order)
    const { id = "" } = await before.next("snapshot")
    before.close()
    await orders.report(order, "arrived", "delivered")
    const page = await readOrder(order, id)
    expect(await page.next("resumed")).toMatchObject({ id })
    const types = ["shipment.arrived", "shipment.delivered", "order.fulfilled"]
    for (const type of types) expect((await page.next("event")).data.type).toBe(type)
    expect((await page.next("stage")).data).toEqual({ stage: "done" })
    expect(page.events.filter(({ name }) => name === "snapshot")).toEqual([])
  })

  it.each(["", "nonsense", "1", "2:1", "1:9999", "1:-1", ":", "1:", "1:1:1"])(
    "begins anew after the Last-Event-ID %j, which cannot be resumed whole",
    async (lastEventId) => {
      const page = await readOrder(await orders.place(), lastEventId)
      await page.next("snapshot")
      expect(page.events[0]?.name).toBe("snapshot")
    }
  )

  it("carries a comment now and then while nothing happens", async () => {
    const page = await readOrder(await orders.place())
    await until(
      "comments",
      () => page.comments.length,
      (count) => count >= 3
    )
  })
})

describe("an event stream says goodbye and ends", () => {
  it("when its link expires", async () => {
    const page = await read((await orders.link(await orders.place(), 700)).token)
    await page.next("snapshot")
    expect((await page.next("goodbye")).data).toEqual({ code: 4507, reason: "tracking_expired", retryAfterMs: 0 })
    await until(
      "its end",
      () => page.isEnded,
      (isEnded) => isEnded
    )
  })

  it("when its link is revoked", async () => {
    const link = await orders.link(await orders.place())
    const page = await read(link.token)
    await page.next("snapshot")
    await orders.revoke(link)
    expect((await page.next("goodbye")).data).toMatchObject({ code: 4508 })
    await until(
      "its end",
      () => page.isEnded,
      (isEnded) => isEnded
    )
  })

  it("when the delivery is over, and again at once for whoever comes later", async () => {
    const order = await orders.onTheWay(await orders.driver())
    const page = await readOrder(order)
    await page.next("snapshot")
    await orders.report(order, "arrived", "delivered")
    expect((await page.next("goodbye")).data).toMatchObject({ code: 4506 })
    const later = await readOrder(order)
    await later.next("goodbye")
    expect(later.events.map(({ name }) => name)).toEqual(["goodbye"])
  })

  it("when the node goes", async () => {
    const page = await readOrder(await orders.place())
    await page.next("snapshot")
    await engine.run(Effect.map(OrderHub, (hub) => hub.drain()))
    expect((await page.next("goodbye")).data).toMatchObject({ code: 4000, reason: "draining" })
    await until(
      "its end",
      () => page.isEnded,
      (isEnded) => isEnded
    )
  })
})

describe("instead of a stream", () => {
  const refused: ReadonlyArray<
    readonly [name: string, authorization: () => Promise<string | undefined>, status: number, code: string]
  > = [
    ["no token", async () => undefined, 401, "token_missing"],
    ["another scheme", async () => "Basic eDp5", 401, "token_missing"],
    ["nothing after the scheme", async () => "Bearer ", 401, "token_missing"],
    ["a token that nobody made", async () => "Bearer dmt_guessed", 401, "token_invalid"],
    [
      "an expired link",
      async () => `Bearer ${(await orders.link(await orders.place(), -1_000)).token}`,
      410,
      "tracking_expired"
    ],
    [
      "a revoked link",
      async () => {
        const link = await orders.link(await orders.place())
        await orders.revoke(link)
        return `Bearer ${link.token}`
      },
      410,
      "tracking_revoked"
    ]
  ]
  it.each(refused)("%s gets a problem", async (_, authorization, status, code) => {
    const value = await authorization()
    const answer = await EventSource.open(url, value === undefined ? {} : { authorization: value })
    expect(answer).toMatchObject({ status, body: { code, status } })
  })

  it("503 comes while PostgreSQL is away", async () => {
    const { proxy, url: through } = await proxyDatabase(engine.databaseUrl)
    onTestFinished(() => proxy.stop())
    const away = await startEngine({
      databaseUrl: through,
      redisUrl: engine.redisUrl,
      env: { nodeName: "test-2" },
      limits: { databaseConnectMs: 1_000 }
    })
    onTestFinished(() => away.drop())
    const served = await serveEventStream(away)
    onTestFinished(() => served.stop())
    const { token } = await orders.link(await orders.place())
    proxy.cut()
    const answer = await EventSource.open(served.url, { authorization: `Bearer ${token}` })
    expect(answer).toMatchObject({ status: 503, body: { code: "database_unavailable" } })
  })
})

it("a reader who stops reading costs the others nothing", async () => {
  const order = await orders.place()
  const [slowLink, quickLink] = await orders.links(order, 2)
  const slow = await read(slowLink?.token ?? "")
  const quick = await read(quickLink?.token ?? "")
  await slow.next("snapshot")
  slow.pause()
  const driver = await orders.driver()
  for (let i = 0; i < 20; i++) {
    await orders.assign(order, driver)
    await orders.unassign(order)
  }
  const log = await orders.log(order)
  const shown = log
    .slice(5)
    .flatMap(({ offset, type }) => (["shipment.assigned", "shipment.unassigned"].includes(type) ? [offset] : []))
  const told = () => quick.events.flatMap(({ name, data }) => (name === "event" ? [data.offset] : []))
  await until("the last event", told, (offsets) => offsets.includes(shown.at(-1)))
  expect(told()).toEqual(expect.arrayContaining(shown))
})
