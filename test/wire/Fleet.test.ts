import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { publicId } from "../../src/domain/Ids.ts"
import type { Frame } from "../../src/protocol/FrameCodec.ts"
import { DriverClientFrame, FleetClientFrame, FleetServerFrame } from "../../src/protocol/FrameType.ts"
import { FleetHub } from "../../src/realtime/FleetHub.ts"
import type { FleetEvent } from "../../src/realtime/FleetViews.ts"
import { type EngineUnderTest, startEngine, type TestDriver } from "../kit/EngineUnderTest.ts"
import { fleetFrame, insertUser, type TestUser, tokenOf, watchFleet } from "../kit/FleetWatch.ts"
import { signIn } from "../kit/SignedIn.ts"
import { UpgradeRefused, WireClient } from "../kit/WireClient.ts"

const { snapshot, positions, gone, event, resumed, drivers, result } = FleetServerFrame

let engine: EngineUnderTest
let staff: TestUser

beforeAll(async () => {
  engine = await startEngine({
    limits: { tokenGraceMs: 300, firstFrameMs: 400, fleetHistoryEventsMax: 8, addressConnectionsMax: 1_000 }
  })
  staff = await insertUser(engine, "dispatcher")
})
afterAll(() => engine.drop())

// Each test has a parallel of its own, so that no other test's drivers are in its view.
let parallel = 0
const ownPlace = () => {
  const lat = ++parallel * 2
  return { lat, box: [-1, lat - 0.5, 1, lat + 0.5] }
}

/** A phone that was welcomed, and moves where it is told. */
const driverAt = async (lat: number, lng: number) => {
  const driver = await engine.driver()
  const { phone } = await signIn(engine, driver)
  onTestFinished(() => phone.terminate())
  let seq = 0
  // Ten seconds apart as long as the past has room: a hundred metres are then a drive and no jump.
  let recordedAt = Date.now() - 600_000
  const move = async (toLat: number, toLng: number): Promise<void> => {
    seq++
    recordedAt = Math.max(recordedAt + 1, Math.min(Date.now(), recordedAt + 10_000))
    phone.send([
      DriverClientFrame.point,
      seq,
      recordedAt,
      Math.round(toLat * 1e7),
      Math.round(toLng * 1e7),
      null,
      9_000,
      500,
      80,
      0
    ])
    await phone.acked(seq)
  }
  await move(lat, lng)
  return { driver, phone, move }
}

const watch = async (view: unknown, fields: object = {}): Promise<WireClient> =>
  watchFleet(engine.url, { token: await tokenOf(engine, staff), view, ...fields })

const idOf = ({ driverId }: TestDriver): string => publicId("driver", driverId)
const columns = (frame: Frame): Record<string, ReadonlyArray<unknown>> =>
  frame[4] as Record<string, ReadonlyArray<unknown>>

const publish = (one: Partial<FleetEvent> = {}): Promise<void> =>
  engine.run(
    Effect.map(FleetHub, (hub) =>
      hub.publish({
        orderId: randomUUID(),
        shipmentId: randomUUID(),
        type: "shipment.assigned",
        occurredAt: 5,
        data: {},
        ...one
      })
    )
  )

describe("SUBSCRIBE", () => {
  it("is answered by a SNAPSHOT of the view, column by column, and by nothing of the world around it", async () => {
    const { lat, box } = ownPlace()
    const [inside] = [await driverAt(lat, 0.25), await driverAt(lat, 20)]
    const page = await watch({ bbox: box })
    const frame = await page.next(snapshot)
    expect(frame.slice(0, 1)).toEqual([snapshot])
    expect(frame[1]).toMatch(/^[0-9a-f-]{36}$/)
    expect(frame[2]).toBeTypeOf("number")
    expect(Math.abs((frame[3] as number) - Date.now())).toBeLessThan(60_000)
    expect(columns(frame)).toEqual({
      handles: [expect.any(Number)],
      ids: [idOf(inside.driver)],
      names: ["Dana Driver"],
      latE7: [lat * 1e7],
      lngE7: [2_500_000],
      headingCdeg: [9_000],
      status: [5],
      recordedAt: [expect.any(Number)]
    })
  })

  it("with an empty view is answered by a SNAPSHOT whose columns are empty", async () => {
    const { box } = ownPlace()
    const { handles, ids, recordedAt } = columns(await (await watch({ bbox: box })).next(snapshot))
    expect([handles, ids, recordedAt]).toEqual([[], [], []])
  })

  it("is judged by its token before its view", async () => {
    const page = await watchFleet(engine.url, { token: "nonsense", view: { bbox: "nowhere" } })
    expect((await page.goodbye()).frame).toEqual([42, 4501, "token_invalid", 0])
    expect(page.of(result)).toEqual([])
  })

  it("is taken with the token of the upgrade's header", async () => {
    const token = await tokenOf(engine, staff)
    const page = await watchFleet(engine.url, {}, { headers: { authorization: `Bearer ${token}` } })
    await page.next(snapshot)
  })

  const turnedAway: ReadonlyArray<readonly [name: string, frame: () => Promise<object>, code: number]> = [
    ["no token at all", async () => ({}), 4501],
    ["an expired token", async () => ({ token: await tokenOf(engine, staff, -60) }), 4004],
    ["a driver's token", async () => ({ token: await engine.token(await engine.driver()) }), 4504],
    ["a customer's token", async () => ({ token: await tokenOf(engine, await insertUser(engine, "customer")) }), 4504],
    ["support's token", async () => ({ token: await tokenOf(engine, await insertUser(engine, "support")) }), 4504],
    ["another version", async () => ({ version: 2, token: await tokenOf(engine, staff) }), 4505]
  ]
  it.each(turnedAway)("with %s is closed", async (_, frame, code) => {
    const page = await watchFleet(engine.url, await frame())
    expect((await page.goodbye()).frame?.[1]).toBe(code)
    expect(page.of(snapshot)).toEqual([])
  })

  it("is taken from an administrator", async () => {
    const page = await watchFleet(engine.url, { token: await tokenOf(engine, await insertUser(engine, "admin")) })
    await page.next(snapshot)
  })

  it("that never comes is closed with 4502", async () => {
    const page = await WireClient.open(`${engine.url}/v1/fleet`)
    expect((await page.goodbye()).frame).toEqual([42, 4502, "not_authenticated_in_time", 0])
  })
})

it("answers an expired header token with 401 token_expired and no upgrade", async () => {
  const headers = { authorization: `Bearer ${await tokenOf(engine, staff, -60)}` }
  const refused = await WireClient.open(`${engine.url}/v1/fleet`, { headers }).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(UpgradeRefused)
  expect(refused).toMatchObject({ status: 401, body: { code: "token_expired" } })
})

describe("a view that cannot be taken", () => {
  const bad: ReadonlyArray<readonly [name: string, view: unknown]> = [
    ["a text", "everything"],
    ["a list", [1, 2, 3, 4]],
    ["a box of three edges", { bbox: [1, 2, 3] }],
    ["a box of texts", { bbox: ["1", "2", "3", "4"] }],
    ["a box of nils", { bbox: [null, null, null, null] }],
    ["a box beyond the world", { bbox: [-181, 0, 0, 1] }],
    ["a box whose south lies north", { bbox: [0, 2, 1, 1] }],
    ["an interval that is no number", { interval_ms: "1000" }]
  ]
  it.each(bad)("%s: is answered with RESULT bad_view, and the next SUBSCRIBE is taken", async (_, view) => {
    const page = await watch(view)
    const answer = await page.next(result)
    expect(answer).toEqual([result, null, false, { code: "bad_view", detail: expect.any(String) }])
    page.send(fleetFrame({ token: await tokenOf(engine, staff), view: { bbox: ownPlace().box } }))
    await page.next(snapshot)
  })

  it("leaves a subscription as it was", async () => {
    const { lat, box } = ownPlace()
    const page = await watch({ bbox: box, interval_ms: 200 })
    await page.next(snapshot)
    page.send([FleetClientFrame.view, { bbox: [0] }])
    expect((await page.next(result))[3]).toMatchObject({ code: "bad_view" })
    await driverAt(lat, 0)
    await page.next(positions)
  })

  it("does not keep a dispatcher from being counted as signed in", async () => {
    const page = await watch("everything")
    await page.next(result)
    const other = await WireClient.open(`${engine.url}/v1/fleet`)
    await other.closeCode()
    expect(page.closed).toBeUndefined()
  })
})

describe("what changes in the view", () => {
  it("comes as DRIVERS before the first POSITIONS, then as POSITIONS alone, then as GONE", async () => {
    const { lat, box } = ownPlace()
    const page = await watch({ bbox: [-1, box[1], 0.104, box[3]], interval_ms: 200 })
    await page.next(snapshot)
    const { driver, move } = await driverAt(lat, 0.1)
    const introduced = await page.nextAny()
    expect(introduced).toEqual([drivers, [expect.any(Number)], [idOf(driver)], ["Dana Driver"]])
    const [handle] = introduced[1] as [number]
    const first = await page.nextAny()
    expect(first).toEqual([
      positions,
      expect.any(Number),
      [handle],
      [lat * 1e7],
      [1e6],
      [9_000],
      [5],
      [expect.any(Number)]
    ])
    expect((first[7] as [number])[0]).toBeGreaterThanOrEqual(0)
    await move(lat + 0.001, 0.1)
    const moved = await page.nextAny()
    expect(moved.slice(2, 5)).toEqual([[handle], [Math.round((lat + 0.001) * 1e7)], [1e6]])
    await move(lat + 0.001, 0.105)
    expect(await page.nextAny()).toEqual([gone, [handle]])
  })

  it("tells a status and that a driver went off duty", async () => {
    const { lat, box } = ownPlace()
    const { phone } = await driverAt(lat, 0)
    const page = await watch({ bbox: box, interval_ms: 200 })
    const { handles, status } = columns(await page.next(snapshot))
    expect(status).toEqual([5])
    phone.send([DriverClientFrame.duty, randomUUID(), "on", null])
    expect((await page.next(positions))[6]).toEqual([1])
    phone.send([DriverClientFrame.duty, randomUUID(), "break", null])
    expect((await page.next(positions))[6]).toEqual([2])
    phone.send([DriverClientFrame.duty, randomUUID(), "off", null])
    expect(await page.next(gone)).toEqual([gone, handles])
  })

  it("comes no more often than 200 ms apart, whatever interval is asked for", async () => {
    const { lat, box } = ownPlace()
    const page = await watch({ bbox: box, interval_ms: 1 })
    await page.next(snapshot)
    const { move } = await driverAt(lat, 0)
    for (let i = 1; page.of(positions).length < 4; i++) await move(lat + i * 1e-5, 0)
    const at = page.of(positions).map((frame) => frame[1] as number)
    // By the server's own clock; a tick may run late, and the one after it is then nearer.
    expect((at.at(-1) as number) - (at[0] as number)).toBeGreaterThanOrEqual(2 * 200)
  })

  it("is the same for everybody who looks there", async () => {
    const { lat, box } = ownPlace()
    const pages = [await watch({ bbox: box, interval_ms: 200 }), await watch({ bbox: box, interval_ms: 200 })]
    for (const page of pages) await page.next(snapshot)
    await driverAt(lat, 0)
    const [first, second] = [await pages[0]?.next(positions), await pages[1]?.next(positions)]
    expect(first).toEqual(second)
  })
})

describe("VIEW", () => {
  it("is answered by GONE and POSITIONS for the difference, with DRIVERS before new handles", async () => {
    const { lat, box } = ownPlace()
    const west = await driverAt(lat, -0.5)
    const east = await driverAt(lat, 0.5)
    const page = await watch({ bbox: [-1, box[1], 0, box[3]] })
    const { handles, ids } = columns(await page.next(snapshot))
    expect(ids).toEqual([idOf(west.driver)])
    page.send([FleetClientFrame.view, { bbox: [0, box[1], 1, box[3]] }])
    expect(await page.nextAny()).toEqual([gone, handles])
    const introduced = await page.nextAny()
    expect(introduced).toEqual([drivers, [expect.any(Number)], [idOf(east.driver)], ["Dana Driver"]])
    expect((await page.nextAny()).slice(0, 3)).toEqual([positions, expect.any(Number), introduced[1]])
  })

  it("that changes nothing is answered too", async () => {
    const { lat, box } = ownPlace()
    await driverAt(lat, 0)
    const page = await watch({ bbox: box })
    await page.next(snapshot)
    page.send([FleetClientFrame.view, { bbox: box }])
    expect(await page.nextAny()).toEqual([gone, []])
    expect(await page.nextAny()).toEqual([positions, expect.any(Number), [], [], [], [], [], []])
  })

  it("does not lose what the old view had yet to tell of a driver who is in both", async () => {
    const { lat, box } = ownPlace()
    const { move } = await driverAt(lat, 0)
    const slow = await watch({ bbox: box, interval_ms: 60_000 })
    const quick = await watch({ bbox: box, interval_ms: 200 })
    const { handles } = columns(await slow.next(snapshot))
    await quick.next(snapshot)
    await move(lat + 0.001, 0)
    const told = await quick.next(positions)
    slow.send([FleetClientFrame.view, { bbox: box, interval_ms: 200 }])
    expect(await slow.nextAny()).toEqual([gone, []])
    const answer = await slow.nextAny()
    expect(answer.slice(2, 5)).toEqual([handles, ...told.slice(3, 5)])
  })

  it("before SUBSCRIBE is malformed", async () => {
    const page = await WireClient.open(`${engine.url}/v1/fleet`)
    page.send([FleetClientFrame.view, {}])
    expect(await page.next(result)).toEqual([result, null, false, { code: "malformed_frame" }])
    page.terminate()
  })
})

describe("events", () => {
  it("come as EVENT, whatever the view, with rising offsets, and with ids as the API has them", async () => {
    const page = await watch({ bbox: ownPlace().box })
    const offset = (await page.next(snapshot))[2] as number
    const [orderId, shipmentId, assignmentId] = [randomUUID(), randomUUID(), randomUUID()]
    await publish({ orderId, shipmentId, data: { assignment_id: assignmentId, note: "at the door" } })
    await publish({ orderId, shipmentId: undefined, type: "order.submitted" })
    const data = { assignment_id: publicId("assignment", assignmentId), note: "at the door" }
    const [order, shipment] = [publicId("order", orderId), publicId("shipment", shipmentId)]
    expect(await page.next(event)).toEqual([event, offset + 1, shipment, "shipment.assigned", 5, data, order])
    expect(await page.next(event)).toEqual([event, offset + 2, null, "order.submitted", 5, {}, order])
  })

  it("that were missed follow RESUMED, all of them, then DRIVERS and POSITIONS of the whole view", async () => {
    const { lat, box } = ownPlace()
    const { driver } = await driverAt(lat, 0)
    const before = await watch({ bbox: box })
    const [, epoch, offset] = (await before.next(snapshot)) as [number, string, number]
    before.terminate()
    for (let i = 0; i < 3; i++) await publish()
    const page = await watch({ bbox: box }, { epoch, offset })
    expect(await page.nextAny()).toEqual([resumed, epoch, offset])
    for (let i = 1; i <= 3; i++) expect((await page.nextAny()).slice(0, 2)).toEqual([event, offset + i])
    const introduced = await page.nextAny()
    expect(introduced.slice(0, 3)).toEqual([drivers, [expect.any(Number)], [idOf(driver)]])
    expect((await page.nextAny()).slice(0, 3)).toEqual([positions, expect.any(Number), introduced[1]])
  })

  it("that cannot all be told again are not told in part: a SNAPSHOT comes", async () => {
    const before = await watch({ bbox: ownPlace().box })
    const [, epoch, offset] = (await before.next(snapshot)) as [number, string, number]
    for (let i = 0; i < 9; i++) await publish()
    for (const resume of [
      { epoch, offset },
      { epoch, offset: offset + 1_000 },
      { epoch, offset: -1 },
      { epoch, offset: 0.5 },
      { epoch, offset: "1" },
      { epoch: randomUUID(), offset: offset + 9 },
      { epoch: 7, offset: offset + 9 }
    ]) {
      const page = await watch({ bbox: ownPlace().box }, resume)
      expect((await page.nextAny())[0]).toBe(snapshot)
    }
  })
})

it("speaks JSON to a console that asks for dropmate.json", async () => {
  const { lat, box } = ownPlace()
  const page = await watch({ bbox: box, interval_ms: 200 })
  const json = await watchFleet(
    engine.url,
    { token: await tokenOf(engine, staff), view: { bbox: box, interval_ms: 200 } },
    { protocols: ["dropmate.json"] }
  )
  await page.next(snapshot)
  expect(columns(await json.next(snapshot))).toMatchObject({ handles: [], headingCdeg: [] })
  await driverAt(lat, 0)
  expect(await json.next(drivers)).toEqual(await page.next(drivers))
  expect(await json.next(positions)).toEqual(await page.next(positions))
})

it("forgets a view that nobody looks at any more", async () => {
  const { lat, box } = ownPlace()
  const { move } = await driverAt(lat, 0)
  const page = await watch({ bbox: box, interval_ms: 200 })
  await page.next(snapshot)
  await page.close()
  await move(lat + 0.001, 0)
  const again = await watch({ bbox: box, interval_ms: 200 })
  const { latE7 } = columns(await again.next(snapshot))
  expect(latE7).toEqual([Math.round((lat + 0.001) * 1e7)])
})
