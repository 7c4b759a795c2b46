import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { publicId } from "../../src/domain/Ids.ts"
import type { Frame } from "../../src/protocol/FrameCodec.ts"
import { DriverClientFrame, TrackingClientFrame, TrackingServerFrame } from "../../src/protocol/FrameType.ts"
import { type EngineUnderTest, startEngine, type TestDriver } from "../kit/EngineUnderTest.ts"
import { proxyDatabase } from "../kit/FaultProxy.ts"
import { signIn } from "../kit/SignedIn.ts"
import { dropOff, type PlacedOrder, TrackedOrders } from "../kit/TrackedOrders.ts"
import { folded, type SubscribeFields, trackFrame, watchOrder } from "../kit/TrackingWatch.ts"
import { until } from "../kit/Until.ts"
import { UpgradeRefused, WireClient } from "../kit/WireClient.ts"

const { snapshot, resumed, position, event, eta, stage, result } = TrackingServerFrame

let engine: EngineUnderTest
let orders: TrackedOrders

beforeAll(async () => {
  engine = await startEngine({ limits: { firstFrameMs: 400, trackingGraceMs: 2_000, noticeReconnectMs: 100 } })
  orders = await TrackedOrders.open(engine.databaseUrl)
})
afterAll(async () => {
  await orders.close()
  await engine.drop()
})

const watch = async (order: PlacedOrder, fields: SubscribeFields = {}): Promise<WireClient> =>
  watchOrder(engine.url, { token: (await orders.link(order)).token, ...fields })

const stateOf = (frame: Frame): Record<string, unknown> => frame[3] as Record<string, unknown>

const lastOffset = async (order: PlacedOrder): Promise<number> => (await orders.log(order)).at(-1)?.offset ?? 0

/** A welcomed phone that drives: `metres` from the drop-off, southwards. */
const phoneOf = async (driver: TestDriver) => {
  const { phone } = await signIn(engine, driver)
  onTestFinished(() => phone.terminate())
  let seq = 0
  let recordedAt = Date.now() - 1_200_000
  const lat = (metres: number): number => Math.round((dropOff.lat - metres / 111_195) * 1e7)
  const drive = async (metres: number): Promise<Frame> => {
    seq++
    // A minute apart while the past has room, so that no drive is a jump.
    recordedAt = Math.max(recordedAt + 1, Math.min(Date.now(), recordedAt + 60_000))
    const place = [recordedAt, lat(metres), Math.round(dropOff.lng * 1e7), 700, 0]
    phone.send([DriverClientFrame.point, seq, ...place, 500, 80, 0])
    await phone.acked(seq)
    return [position, ...place]
  }
  return { phone, drive }
}

describe("the stages of a delivery", () => {
  it("are told as they come, with nothing above each of them", async () => {
    const driver = await orders.driver()
    const order = await orders.place()
    const page = await watch(order, { minIntervalMs: 200 })
    const first = await page.next(snapshot)
    expect(first.slice(0, 3)).toEqual([snapshot, 1, await lastOffset(order)])
    const state = stateOf(first)
    expect(Object.keys(state).sort()).toEqual(
      ["destination", "expires_at", "order", "order_id", "shipment_status", "stage", "timeline"].sort()
    )
    expect(state).toMatchObject({
      order_id: publicId("order", order.orderId),
      stage: "scheduled",
      destination: dropOff,
      expires_at: expect.any(Number)
    })
    expect((state.timeline as ReadonlyArray<{ type: string }>).map(({ type }) => type)).toEqual([
      "order.submitted",
      "order.confirmed",
      "shipment.created"
    ])

    const { drive } = await phoneOf(driver)
    await drive(3_000)
    await orders.assign(order, driver)
    expect((await page.nextAny()).slice(0, 3)).toEqual([event, await lastOffset(order), "shipment.assigned"])
    const assigned = stateOf(await page.nextAny())
    expect(assigned).toMatchObject({ stage: "assigned", driver: { first_name: "Dana" } })
    expect(assigned).not.toHaveProperty("position")
    // Nothing was promised, and how far away the driver is is nobody's business yet.
    expect(assigned).not.toHaveProperty("eta")

    await orders.report(order, "en_route_to_pickup", "at_pickup", "picked_up")
    expect((await page.nextAny()).slice(0, 3)).toEqual([event, await lastOffset(order), "shipment.picked_up"])
    await drive(2_500)
    await orders.report(order, "en_route")
    expect((await page.nextAny()).slice(0, 3)).toEqual([event, await lastOffset(order), "shipment.en_route"])
    expect(await page.nextAny()).toEqual([stage, "on_the_way"])
    const expected = await page.nextAny()
    expect(expected).toEqual([eta, expect.any(Number), expect.any(Number), 3_200, 0])
    expect(Number(expected[1])).toBeGreaterThan(Date.now())
    expect(Number(expected[2])).toBeGreaterThanOrEqual(Number(expected[1]))
    expect((await page.nextAny())[0]).toBe(position)
    const near = await drive(300)
    expect(await page.next(stage)).toEqual([stage, "nearby"])
    expect(await page.next(position)).toEqual(near)

    await orders.report(order, "arrived")
    expect((await page.next(event))[2]).toBe("shipment.arrived")
    expect(await page.next(stage)).toEqual([stage, "arrived"])
    await orders.report(order, "delivered")
    expect((await page.next(event))[2]).toBe("shipment.delivered")
    expect((await page.next(event))[2]).toBe("order.fulfilled")
    expect(await page.next(stage)).toEqual([stage, "done"])
    await drive(200)
    expect((await page.goodbye()).frame).toEqual([42, 4506, "tracking_finished", 0])
    const since = (name: string) =>
      page.frames.slice(page.frames.findIndex(([type, to]) => type === stage && to === name))
    expect(since("arrived").filter((frame) => frame[0] === eta)).toEqual([])
    expect(since("done").filter((frame) => frame[0] === position)).toEqual([])
  })

  it("go back when the shipment loses its driver, whose name is not told again", async () => {
    const order = await orders.place()
    await orders.assign(order, await orders.driver())
    const page = await watch(order)
    expect(stateOf(await page.next(snapshot))).toMatchObject({ stage: "assigned", driver: { first_name: "Dana" } })
    await orders.unassign(order)
    expect((await page.next(event))[2]).toBe("shipment.unassigned")
    expect(await page.next(stage)).toEqual([stage, "scheduled"])
    const later = stateOf(await (await watch(order)).next(snapshot))
    expect(later.stage).toBe("scheduled")
    expect(later).not.toHaveProperty("driver")
  })

  it("of a driver on another node come from what is committed", async () => {
    const driver = await orders.driver()
    const order = await orders.onTheWay(driver)
    const other = await startEngine({
      databaseUrl: engine.databaseUrl,
      redisUrl: engine.redisUrl,
      env: { nodeName: "test-2" }
    })
    onTestFinished(() => other.drop())
    const page = await watchOrder(other.url, { token: (await orders.link(order)).token, minIntervalMs: 200 })
    await page.next(snapshot)
    const { drive } = await phoneOf(driver)
    expect(await drive(1_900)).toEqual(await page.next(position))
  })
})

describe("minIntervalMs", () => {
  it("of 0 is taken, and the newest place of a burst is told, in order", async () => {
    const driver = await orders.driver()
    const order = await orders.onTheWay(driver)
    const page = await watch(order, { minIntervalMs: 0 })
    await page.next(snapshot)
    const { drive } = await phoneOf(driver)
    let newest: Frame = []
    for (let i = 0; i < 10; i++) newest = await drive(1_900 - i)
    await until(
      "the newest place",
      () => page.of(position).at(-1),
      (frame) => frame?.[1] === newest[1]
    )
    expect(page.of(position).length).toBeLessThanOrEqual(10)
    const told = page.of(position).map((frame) => frame[1] as number)
    expect(told).toEqual([...told].sort((a, b) => a - b))
  })

  it.each([
    ["a text", "1000"],
    ["a list", [1]]
  ])("that is %s is malformed", async (_, minIntervalMs) => {
    const page = await watch(await orders.place(), { minIntervalMs })
    expect(await page.next(result)).toEqual([result, null, false, { code: "malformed_frame" }])
  })
})

describe("a page that comes back", () => {
  it("gets RESUMED, every event that it missed, and where things stand", async () => {
    const order = await orders.onTheWay(await orders.driver())
    const before = await watch(order)
    const [, epoch, offset] = await before.next(snapshot)
    before.terminate()
    const witness = await watch(order)
    await orders.report(order, "arrived", "delivered")
    // Once somebody was told, the node has heard of it, and the page that comes back is told it as missed.
    while ((await witness.next(event))[2] !== "order.fulfilled");
    const page = await watch(order, { epoch, offset })
    expect(await page.nextAny()).toEqual([resumed, epoch, offset])
    for (const type of ["shipment.arrived", "shipment.delivered", "order.fulfilled"])
      expect((await page.nextAny())[2]).toBe(type)
    expect(await page.nextAny()).toEqual([stage, "done"])
  })

  it("learns of a driver who came while it was away", async () => {
    const order = await orders.place()
    const before = await watch(order)
    const [, epoch, offset] = await before.next(snapshot)
    before.terminate()
    await orders.assign(order, await orders.driver())
    const page = await watch(order, { epoch, offset })
    expect(await page.nextAny()).toEqual([resumed, epoch, offset])
    // Told as missed, or as news when the node had not heard of it yet.
    expect((await page.next(event))[2]).toBe("shipment.assigned")
    await page.next(snapshot)
    expect(folded(page)).toMatchObject({ stage: "assigned", state: { driver: { first_name: "Dana" } } })
  })

  it("gets a SNAPSHOT when what it names cannot be resumed whole", async () => {
    const order = await orders.place()
    const offset = await lastOffset(order)
    for (const resume of [
      { epoch: 2, offset },
      { epoch: "1", offset },
      { epoch: 1 },
      { epoch: 1, offset: offset + 1 },
      { epoch: 1, offset: -1 },
      { epoch: 1, offset: 0.5 },
      { epoch: 1, offset: "1" }
    ]) {
      const page = await watch(order, resume)
      expect((await page.nextAny())[0]).toBe(snapshot)
    }
  })
})

describe("a link", () => {
  const never: ReadonlyArray<readonly [name: string, token: (order: PlacedOrder) => Promise<unknown>, code: number]> = [
    ["that nobody made", async () => "dmt_guessed", 4501],
    ["that is far too long", async () => "x".repeat(10_000), 4501],
    ["that has expired", async (order) => (await orders.link(order, -1_000)).token, 4507],
    [
      "that was revoked",
      async (order) => {
        const link = await orders.link(order)
        await orders.revoke(link)
        return link.token
      },
      4508
    ],
    ["that is missing", async () => null, 4501]
  ]
  it.each(never)("%s opens nothing", async (_, token, code) => {
    const page = await watchOrder(engine.url, { token: await token(await orders.place()) })
    expect((await page.goodbye()).frame?.[1]).toBe(code)
    expect(page.of(snapshot)).toEqual([])
  })

  it("of a delivery that is over opens nothing: 4506, whether the order is in memory or not", async () => {
    const order = await orders.onTheWay(await orders.driver())
    const [first, second] = await orders.links(order, 2)
    await orders.report(order, "arrived", "delivered")
    const witness = await watchOrder(engine.url, { token: first?.token })
    expect((await witness.goodbye()).frame).toEqual([42, 4506, "tracking_finished", 0])
    const page = await watchOrder(engine.url, { token: second?.token })
    expect((await page.goodbye()).code).toBe(4506)
    expect(page.of(snapshot)).toEqual([])
  })

  it("that expires while it is watched is closed with 4507", async () => {
    const order = await orders.place()
    const page = await watchOrder(engine.url, { token: (await orders.link(order, 700)).token })
    await page.next(snapshot)
    expect((await page.goodbye()).frame).toEqual([42, 4507, "tracking_expired", 0])
  })

  it("that is revoked while it is watched is closed with 4508, and no other link of the order", async () => {
    const order = await orders.place()
    const [gone, kept] = await orders.links(order, 2)
    const pages = [
      await watchOrder(engine.url, { token: gone?.token }),
      await watchOrder(engine.url, { token: kept?.token })
    ]
    for (const page of pages) await page.next(snapshot)
    if (gone !== undefined) await orders.revoke(gone)
    expect((await pages[0]?.goodbye())?.frame).toEqual([42, 4508, "tracking_revoked", 0])
    await orders.assign(order, await orders.driver())
    expect((await pages[1]?.next(event))?.[2]).toBe("shipment.assigned")
  })

  it("that is renewed by AUTH outlives the one it began with", async () => {
    const order = await orders.place()
    const [dying, kept] = await orders.links(order, 2, 1_000)
    const pages = [
      await watchOrder(engine.url, { token: dying?.token }),
      await watchOrder(engine.url, { token: kept?.token })
    ]
    for (const page of pages) await page.next(snapshot)
    pages[1]?.send([TrackingClientFrame.auth, (await orders.link(order)).token])
    expect(await pages[0]?.closeCode()).toBe(4507)
    await orders.assign(order, await orders.driver())
    expect((await pages[1]?.next(event))?.[2]).toBe("shipment.assigned")
  })

  it("of another order is no renewal (4504); nor is one that was revoked (4508) or that nobody made (4501)", async () => {
    const [order, other] = [await orders.place(), await orders.place()]
    const revoked = await orders.link(order)
    await orders.revoke(revoked)
    const cases = [
      [(await orders.link(other)).token, 4504],
      [revoked.token, 4508],
      ["dmt_guessed", 4501]
    ] as const
    for (const [token, code] of cases) {
      const page = await watch(order)
      await page.next(snapshot)
      page.send([TrackingClientFrame.auth, token])
      expect(await page.closeCode()).toBe(code)
      expect(JSON.stringify(page.frames)).not.toContain(publicId("order", other.orderId))
    }
  })

  it("may come in the upgrade's header", async () => {
    const order = await orders.place()
    const { token } = await orders.link(order)
    const page = await watchOrder(engine.url, {}, { headers: { authorization: `Bearer ${token}` } })
    expect(stateOf(await page.next(snapshot)).order_id).toBe(publicId("order", order.orderId))
  })

  const badHeaders: ReadonlyArray<readonly [name: string, token: () => Promise<string>, code: string]> = [
    ["nobody made", async () => "dmt_guessed", "token_invalid"],
    ["has expired", async () => (await orders.link(await orders.place(), -1_000)).token, "token_expired"],
    [
      "was revoked",
      async () => {
        const link = await orders.link(await orders.place())
        await orders.revoke(link)
        return link.token
      },
      "tracking_revoked"
    ]
  ]
  it.each(badHeaders)("in the header that %s is answered with 401 and no upgrade", async (_, token, code) => {
    const headers = { authorization: `Bearer ${await token()}` }
    const refused = await WireClient.open(`${engine.url}/v1/track`, { headers }).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(UpgradeRefused)
    expect(refused).toMatchObject({ status: 401, body: { code } })
  })
})

describe("malformed frames", () => {
  const bad: ReadonlyArray<readonly [name: string, bytes: Uint8Array]> = [
    ["no MessagePack", Uint8Array.of(0xc1)],
    ["no array", Uint8Array.of(0x07)],
    ["an unknown type", Uint8Array.of(0x91, 0x63)],
    ["AUTH without a token", Uint8Array.of(0x91, 0x03)],
    ["a second SUBSCRIBE", Uint8Array.of(0x92, 0x01, 0x01)]
  ]
  it.each(bad)("%s: is answered twice and closed with 4500 at the third", async (_, bytes) => {
    const page = await watch(await orders.place())
    await page.next(snapshot)
    for (let i = 0; i < 2; i++) {
      page.sendBytes(bytes)
      expect(await page.next(result)).toEqual([result, null, false, { code: "malformed_frame" }])
    }
    page.sendBytes(bytes)
    expect((await page.goodbye()).frame).toEqual([42, 4500, "malformed_frame", 0])
  })
})

it("closes another version with 4505", async () => {
  const page = await watch(await orders.place(), { version: 2 })
  expect((await page.goodbye()).frame).toEqual([42, 4505, "version_not_supported", 0])
})

it("closes a page that says nothing with 4502", async () => {
  const page = await WireClient.open(`${engine.url}/v1/track`)
  expect((await page.goodbye()).frame).toEqual([42, 4502, "not_authenticated_in_time", 0])
})

it("speaks JSON to a page that asks for dropmate.json", async () => {
  const order = await orders.place()
  const page = await watch(order)
  const { token } = await orders.link(order)
  const json = await WireClient.open(`${engine.url}/v1/track`, { protocols: ["dropmate.json"] })
  onTestFinished(() => json.terminate())
  json.send(trackFrame({ token }))
  const [first, second] = [await page.next(snapshot), await json.next(snapshot)]
  expect({ ...stateOf(second), expires_at: 0 }).toEqual({ ...stateOf(first), expires_at: 0 })
  await orders.assign(order, await orders.driver())
  expect(await json.next(event)).toEqual(await page.next(event))
})

it("closes with 4006 while PostgreSQL is away, and leaves pages that are open alone", async () => {
  const { proxy, url } = await proxyDatabase(engine.databaseUrl)
  onTestFinished(() => proxy.stop())
  const away = await startEngine({
    databaseUrl: url,
    redisUrl: engine.redisUrl,
    env: { nodeName: "test-3" },
    limits: { databaseConnectMs: 1_000, noticeReconnectMs: 100 }
  })
  onTestFinished(() => away.drop())
  const order = await orders.place()
  const links = await orders.links(order, 2)
  const open = await watchOrder(away.url, { token: links[0]?.token })
  await open.next(snapshot)
  proxy.cut()
  const late = await watchOrder(away.url, { token: links[1]?.token })
  expect((await late.goodbye()).frame).toEqual([42, 4006, "database_unavailable", away.limits.retryAfterMs])
  await orders.assign(order, await orders.driver())
  proxy.restore()
  expect((await open.next(event))[2]).toBe("shipment.assigned")
})
