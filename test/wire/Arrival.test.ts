import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import type { Frame } from "../../src/protocol/FrameCodec.ts"
import { DriverClientFrame, TrackingServerFrame } from "../../src/protocol/FrameType.ts"
import { type EngineUnderTest, startEngine, type TestDriver } from "../kit/EngineUnderTest.ts"
import { foldProblems } from "../kit/FoldedShipments.ts"
import { signIn } from "../kit/SignedIn.ts"
import { dropOff, type PlacedOrder, TrackedOrders } from "../kit/TrackedOrders.ts"
import { watchOrder } from "../kit/TrackingWatch.ts"
import { until } from "../kit/Until.ts"
import type { WireClient } from "../kit/WireClient.ts"

const { snapshot, resumed, position, event, eta, stage } = TrackingServerFrame
const hour = 3_600_000

let engine: EngineUnderTest
let orders: TrackedOrders

beforeAll(async () => {
  engine = await startEngine({
    limits: {
      noticeReconnectMs: 100,
      etaEveryMs: 50,
      etaToldEveryMs: 50,
      etaStopsEveryMs: 100,
      etaKeepEveryMs: 100,
      etaKeptEveryMs: 200
    }
  })
  orders = await TrackedOrders.open(engine.databaseUrl)
})
afterAll(async () => {
  await orders.close()
  await engine.drop()
})

const watch = async (order: PlacedOrder, url = engine.url): Promise<WireClient> =>
  watchOrder(url, { token: (await orders.link(order)).token, minIntervalMs: 200 })

const stateOf = (frame: Frame): Record<string, unknown> => frame[3] as Record<string, unknown>

/** A welcomed phone whose clock is off by so much; it stands so many metres south of the drop-off. */
const phoneOf = async (driver: TestDriver, clockOffMs = 0) => {
  const { phone } = await signIn(engine, driver)
  onTestFinished(() => phone.terminate())
  let seq = 0
  let recordedAt = Date.now() - 30 * 60_000
  const stand = async (metres: number): Promise<void> => {
    // Minutes apart, so that no drive is a jump.
    recordedAt = Math.min(recordedAt + 5 * 60_000, Date.now())
    const lat = Math.round((dropOff.lat - metres / 111_195) * 1e7)
    const place = [recordedAt + clockOffMs, lat, Math.round(dropOff.lng * 1e7), 700, 0]
    phone.send([DriverClientFrame.point, ++seq, ...place, 500, 80, 0])
    await phone.acked(seq)
  }
  return { phone, stand }
}

const changes = async ({ orderId }: PlacedOrder) =>
  engine.rows<{ data: { p50_at: number; p90_at: number; computed_at: number; source: string }; kind: string }>(
    "SELECT data, actor_kind AS kind FROM shipment_events WHERE order_id = $1 AND type = 'eta.changed' ORDER BY event_no",
    [orderId]
  )

const committed = async ({ shipmentId }: PlacedOrder) => {
  const [row] = await engine.rows<{ p50: Date | null; p90: Date | null; at: Date | null }>(
    "SELECT estimated_arrival_at AS p50, estimated_arrival_p90_at AS p90, estimated_at AS at FROM shipments WHERE id = $1",
    [shipmentId]
  )
  return row
}

describe("a page that comes back", () => {
  it("to an order under way gets RESUMED, then STAGE, ETA and POSITION; a new one has the same in its state", async () => {
    const driver = await orders.driver()
    const order = await orders.onTheWay(driver)
    const before = await watch(order)
    const [, epoch] = await before.next(snapshot)
    await (await phoneOf(driver)).stand(3_000)
    const told = await before.next(eta)
    const [, offset] = await before.next(event)
    const place = await before.next(position)
    const page = await watchOrder(engine.url, { token: (await orders.link(order)).token, epoch, offset })
    expect(await page.nextAny()).toEqual([resumed, epoch, offset])
    expect(await page.nextAny()).toEqual([stage, "on_the_way"])
    expect(await page.nextAny()).toEqual(told)
    expect(await page.nextAny()).toEqual(place)
    expect(stateOf(await (await watch(order)).next(snapshot))).toMatchObject({
      stops_ahead: 0,
      eta: { p50_at: told[1], p90_at: told[2], computed_at: expect.any(Number), source: "position" }
    })
  })
})

describe("an order that was promised for a window", () => {
  it("is expected within it until the driver sets out, then by where the driver is", async () => {
    const now = Date.now()
    const order = await orders.place({ start: new Date(now + hour), end: new Date(now + 3 * hour) })
    const page = await watch(order)
    const { eta: planned, stage: first } = stateOf(await page.next(snapshot))
    expect(first).toBe("scheduled")
    expect(planned).toMatchObject({ p90_at: now + 3 * hour, source: "schedule" })
    expect(Math.abs((planned as { p50_at: number }).p50_at - (now + 2 * hour))).toBeLessThan(60_000)
    const driver = await orders.driver()
    const { stand } = await phoneOf(driver)
    await stand(3_000)
    await orders.assign(order, driver)
    await orders.report(order, "en_route_to_pickup", "at_pickup", "picked_up", "en_route")
    while ((await page.next(stage))[1] !== "on_the_way");
    const told = await page.next(eta)
    expect(told.slice(3)).toEqual([3_800, 0])
    expect(Number(told[2])).toBeLessThan(now + hour)
    expect(page.of(eta)).toHaveLength(1)
  })
})

describe("a driver's orders", () => {
  it("tell their customers how many stops come before them, without where", async () => {
    const driver = await orders.driver()
    const first = await orders.onTheWay(driver)
    const second = await orders.onTheWay(driver)
    const { stand } = await phoneOf(driver)
    const pages = [await watch(first), await watch(second)] as const
    for (const page of pages) await page.next(snapshot)
    await stand(3_000)
    expect((await pages[0].next(eta)).slice(3)).toEqual([3_800, 0])
    const [, , , remainingM, stopsAhead] = await pages[1].next(eta)
    expect([remainingM, stopsAhead]).toEqual([null, 1])
    expect(stateOf(await (await watch(second)).next(snapshot))).toMatchObject({ stops_ahead: 1 })
    await orders.report(first, "arrived", "delivered")
    while ((await pages[1].next(eta))[4] !== 0);
  })
})

describe("an estimate that was told", () => {
  it("is committed with an event, and again only when it has moved far; nothing is kept of one that nobody was told", async () => {
    const driver = await orders.driver()
    const [order, unwatched] = [await orders.onTheWay(driver), await orders.onTheWay(await orders.driver())]
    const page = await watch(order)
    await page.next(snapshot)
    const { stand } = await phoneOf(driver)
    await stand(3_000)
    const told = await page.next(eta)
    const first = await page.next(event)
    expect(first.slice(2)).toEqual([
      "eta.changed",
      expect.any(Number),
      { p50_at: told[1], p90_at: told[2], computed_at: expect.any(Number), source: "position" }
    ])
    expect((await committed(order))?.p50?.getTime()).toBe(told[1])
    // A minute nearer is told, but not worth an event.
    await stand(2_500)
    await until(
      "another estimate",
      () => page.of(eta).length,
      (n) => n >= 2
    )
    await stand(20_000)
    expect((await page.next(event))[2]).toBe("eta.changed")
    const kept = await changes(order)
    expect(kept).toHaveLength(2)
    expect(kept.map(({ kind }) => kind)).toEqual(["system", "system"])
    const [p50, p50Before] = [kept[1]?.data.p50_at ?? 0, kept[0]?.data.p50_at ?? 0]
    expect(p50 - p50Before).toBeGreaterThan(engine.limits.etaKeptMs)
    expect(await committed(order)).toMatchObject({ p50: new Date(p50), p90: new Date(kept[1]?.data.p90_at ?? 0) })
    expect(await changes(unwatched)).toEqual([])
    expect(await foldProblems(engine.databaseUrl)).toEqual([])
  })

  it("by two nodes at once is committed once", async () => {
    const other = await startEngine({
      databaseUrl: engine.databaseUrl,
      redisUrl: engine.redisUrl,
      env: { nodeName: "test-2" },
      limits: { etaEveryMs: 50, etaKeepEveryMs: 100, noticeReconnectMs: 100 }
    })
    onTestFinished(() => other.drop())
    const driver = await orders.driver()
    const order = await orders.onTheWay(driver)
    const pages = [await watch(order), await watch(order, other.url)]
    for (const page of pages) await page.next(snapshot)
    await (await phoneOf(driver)).stand(3_000)
    // Each node tells its own estimate, and both tell the one that was committed.
    for (const page of pages) {
      await until(
        "the estimate and its event",
        () => [page.of(eta).length, page.of(event).length],
        ([told = 0, kept = 0]) => told > 0 && kept > 0
      )
    }
    expect(await changes(order)).toHaveLength(1)
    await orders.report(order, "arrived")
    for (const page of pages) while ((await page.next(event))[2] !== "shipment.arrived");
    expect(await changes(order)).toHaveLength(1)
    expect(await committed(order)).toMatchObject({ p50: expect.any(Date) })
  })

  it("is forgotten when the parcel goes to another driver", async () => {
    const driver = await orders.driver()
    const order = await orders.onTheWay(driver)
    const page = await watch(order)
    await page.next(snapshot)
    await (await phoneOf(driver)).stand(3_000)
    expect((await page.next(event))[2]).toBe("eta.changed")
    await orders.report(order, "handed_off")
    while ((await page.next(stage))[1] !== "scheduled");
    // Nothing else takes an estimate back.
    const state = stateOf(await page.next(snapshot))
    expect(state).not.toHaveProperty("eta")
    expect(state).not.toHaveProperty("driver")
    expect(await committed(order)).toEqual({ p50: null, p90: null, at: null })
  })
})

describe("P05: ETA uses server clock only", () => {
  it("so a phone that is 48 h behind has the estimate of one whose clock is right, and one that is ahead changes none", async () => {
    const told: Array<readonly [p50S: number, p90S: number, remainingM: unknown]> = []
    for (const clockOffMs of [0, -48 * hour]) {
      const driver = await orders.driver()
      const order = await orders.onTheWay(driver)
      const page = await watch(order)
      await page.next(snapshot)
      const { phone, stand } = await phoneOf(driver, clockOffMs)
      const askedAt = Date.now()
      await stand(3_000)
      const [, p50At, p90At, remainingM] = await page.next(eta)
      const stepMs = engine.limits.etaStepMs
      const inSteps = (at: unknown): number => Math.round((Number(at) - askedAt) / stepMs)
      told.push([inSteps(p50At), inSteps(p90At), remainingM])
      // Its clock jumps ahead: that place is quarantined, and moves nothing.
      phone.send([DriverClientFrame.point, 2, Date.now() + 48 * hour, 0, 0, 700, 0, 500, 80, 0])
      await phone.acked(2)
      expect(page.of(eta)).toHaveLength(1)
    }
    const [right, behind] = told
    // The two were asked at different seconds, which may round to different quarters of a minute.
    expect(Math.abs((right?.[0] ?? 0) - (behind?.[0] ?? 99))).toBeLessThanOrEqual(1)
    expect(Math.abs((right?.[1] ?? 0) - (behind?.[1] ?? 99))).toBeLessThanOrEqual(1)
    expect(right?.[2]).toBe(behind?.[2])
  })
})
