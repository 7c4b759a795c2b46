import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { assignTo, commandOf, confirmedOrder, offerTo } from "../kit/EngineOrders.ts"
import { type EngineUnderTest, startEngine, type TestDriver } from "../kit/EngineUnderTest.ts"
import { foldProblems } from "../kit/FoldedShipments.ts"
import { goneHeard, offerHeard, offersHeard, reply } from "../kit/OfferWatch.ts"
import { signIn } from "../kit/SignedIn.ts"
import { until } from "../kit/Until.ts"
import { commandId, type WireClient } from "../kit/WireClient.ts"

let engine: EngineUnderTest

beforeAll(async () => {
  engine = await startEngine({ limits: { offerTtlSMin: 1, offerSweepMs: 200 } })
})
afterAll(() => engine.drop())
afterEach(async () => {
  expect(await foldProblems(engine.databaseUrl)).toEqual([])
})

const signedIn = async (): Promise<{ readonly driver: TestDriver; readonly phone: WireClient }> => {
  const driver = await engine.driver()
  return { driver, phone: (await signIn(engine, driver)).phone }
}

const assignmentsOf = (shipmentId: string) =>
  engine.rows<{ driver_id: string; status: string }>(
    "SELECT driver_id, status::text FROM driver_assignments WHERE shipment_id = $1 ORDER BY fencing_token",
    [shipmentId]
  )

const eventsOf = async (shipmentId: string): Promise<ReadonlyArray<string>> =>
  (
    await engine.rows<{ type: string }>("SELECT type FROM shipment_events WHERE shipment_id = $1 ORDER BY version", [
      shipmentId
    ])
  ).map(({ type }) => type.slice("shipment.".length))

const tasksOf = (phone: WireClient) =>
  (phone.of(DriverServerFrame.tasks).at(-1)?.[2] ?? []) as ReadonlyArray<{
    assignment_id: string
    fencing_token: number
  }>

describe("OFFER", () => {
  it("reaches every device of the driver at once, and again with each welcome, and says what is to be delivered", async () => {
    const { driver, phone } = await signedIn()
    const { phone: tablet } = await signIn(engine, driver, { deviceId: "tablet" })
    const { shipmentId } = await confirmedOrder(engine)
    const [id] = await offerTo(engine, shipmentId, [driver.driverId], 60)
    for (const device of [phone, tablet]) {
      const offer = await offerHeard(device, shipmentId)
      expect(offer).toMatchObject({ offerId: `ofr_${id}`, assignmentId: `asg_${id}`, fencingToken: 1 })
      expect(offer.shipment.stops.map((stop) => stop.type)).toEqual(["pickup", "dropoff"])
      expect(offer.shipment.distance_m).toBeGreaterThan(500)
      expect(offer.shipment.order_ref).toMatch(/^ord_/)
      expect(offer.expiresAt).toBeGreaterThan(Date.now())
    }
    const { phone: later } = await signIn(engine, driver, { deviceId: "later" })
    expect((await offerHeard(later, shipmentId)).offerId).toBe(`ofr_${id}`)
    // Asked again while it is open nothing changes, and nobody is told twice.
    expect(await offerTo(engine, shipmentId, [driver.driverId], 1)).toEqual([id])
    await assignTo(engine, (await confirmedOrder(engine)).shipmentId, driver.driverId)
    await until(
      "the assignment",
      () => tasksOf(phone).length,
      (count) => count === 1
    )
    expect(offersHeard(phone)).toHaveLength(1)
    await Promise.all([phone, tablet, later].map((each) => each.close()))
  })

  it("is never missed by a driver who connects while it is made", async () => {
    for (let round = 0; round < 10; round++) {
      const driver = await engine.driver()
      const { shipmentId } = await confirmedOrder(engine)
      const [{ phone }] = await Promise.all([
        signIn(engine, driver),
        offerTo(engine, shipmentId, [driver.driverId], 60)
      ])
      await offerHeard(phone, shipmentId)
      await phone.close()
    }
  })

  it("goes to the nearest who work and have time, when nobody is named, and says so when there are none", async () => {
    const { shipmentId } = await confirmedOrder(engine)
    const failed = await offerTo(engine, shipmentId).catch((error: { readonly code?: string }) => error.code)
    expect(failed).toBe("no_driver_available")
    const standing = async (lat: number, duty = "on"): Promise<string> => {
      const { driverId } = await engine.driver()
      await engine.rows("UPDATE drivers SET duty = $2, duty_changed_at = now() WHERE id = $1", [driverId, duty])
      await engine.rows(
        `INSERT INTO driver_ingest_cursors (driver_id, device_no, marker_recorded_at, marker_received_at, marker_lat, marker_lng)
         VALUES ($1, 1, now(), now(), $2, 16.36)`,
        [driverId, lat]
      )
      return driverId
    }
    const far = await standing(48.25)
    const near = await standing(48.21)
    await standing(48.2, "off")
    await standing(49)
    const busy = await standing(48.2)
    for (let i = 0; i < engine.limits.offerCarriedMax; i++)
      await assignTo(engine, (await confirmedOrder(engine)).shipmentId, busy)
    await offerTo(engine, shipmentId)
    expect((await assignmentsOf(shipmentId)).map((each) => each.driver_id)).toEqual([near, far])
    expect((await offerTo(engine, shipmentId)).length).toBe(2)
    await engine.rows("UPDATE drivers SET duty = 'off' WHERE duty = 'on'")
  })
})

describe("OFFER_REPLY", () => {
  it("that accepts gives the shipment to the driver; their other devices and the other drivers are told", async () => {
    const [first, second] = [await signedIn(), await signedIn()]
    const { phone: tablet } = await signIn(engine, first.driver, { deviceId: "tablet" })
    const { shipmentId } = await confirmedOrder(engine)
    await offerTo(engine, shipmentId, [first.driver.driverId, second.driver.driverId], 60)
    const [mine, theirs] = [await offerHeard(first.phone, shipmentId), await offerHeard(second.phone, shipmentId)]
    await offerHeard(tablet, shipmentId)
    expect(await reply(first.phone, mine)).toMatchObject([true, { status: "accepted", shipment_status: "assigned" }])
    expect(await goneHeard(tablet, mine.offerId)).toBe("accepted")
    expect(await goneHeard(second.phone, theirs.offerId)).toBe("taken")
    expect(await reply(tablet, mine)).toMatchObject([true, { status: "accepted" }])
    expect(await reply(second.phone, theirs)).toMatchObject([false, { code: "shipment_already_taken" }])
    expect((await assignmentsOf(shipmentId)).map((each) => each.status)).toEqual(["accepted", "expired"])
    expect(await eventsOf(shipmentId)).toEqual(["created", "dispatching", "offered", "assigned"])
    // The token of the offer is the task's, though a later offer had a higher one.
    const [task] = await until(
      "the task",
      () => tasksOf(first.phone),
      (tasks) => tasks.length === 1
    )
    expect(task).toMatchObject({ assignment_id: mine.assignmentId, fencing_token: mine.fencingToken })
    first.phone.send([
      DriverClientFrame.task,
      commandId(),
      mine.assignmentId,
      mine.fencingToken,
      "en_route_to_pickup",
      Date.now(),
      {}
    ])
    await until(
      "the shipment",
      () => eventsOf(shipmentId),
      (events) => events.at(-1) === "en_route_to_pickup"
    )
    await Promise.all([first.phone, second.phone, tablet].map((each) => each.close()))
  })

  it("that declines leaves the shipment to the others, and can be said twice", async () => {
    const [first, second] = [await signedIn(), await signedIn()]
    const { shipmentId } = await confirmedOrder(engine)
    await offerTo(engine, shipmentId, [first.driver.driverId, second.driver.driverId], 60)
    const mine = await offerHeard(first.phone, shipmentId)
    const no = { accepted: false, reason: "too far" }
    expect(await reply(first.phone, mine, no)).toMatchObject([true, { status: "rejected" }])
    expect(await goneHeard(first.phone, mine.offerId)).toBe("declined")
    expect((await reply(first.phone, mine, no))[0]).toBe(true)
    expect(await reply(first.phone, mine)).toMatchObject([false, { code: "illegal_transition" }])
    expect((await reply(second.phone, await offerHeard(second.phone, shipmentId)))[0]).toBe(true)
    expect(await eventsOf(shipmentId)).toEqual(["created", "dispatching", "offered", "offer_declined", "assigned"])
    await Promise.all([first.phone, second.phone].map((each) => each.close()))
  })

  it("has one answer for one id, on any device and after reconnecting, and another content is noticed", async () => {
    const { driver, phone } = await signedIn()
    const { shipmentId } = await confirmedOrder(engine)
    await offerTo(engine, shipmentId, [driver.driverId], 60)
    const offer = await offerHeard(phone, shipmentId)
    const id = commandId()
    const first = await reply(phone, offer, { id })
    await assignTo(engine, shipmentId, (await engine.driver()).driverId, "reassign")
    await phone.close()
    const { phone: back } = await signIn(engine, driver)
    expect(await reply(back, offer, { id })).toEqual(first)
    const other = await signIn(engine, driver, { deviceId: "tablet" })
    expect(await reply(other.phone, offer, { id, accepted: false })).toMatchObject([false, { code: "command_reused" }])
    await Promise.all([back.close(), other.phone.close()])
  })

  it("that names no offer of the driver, another token, or cannot be read changes nothing", async () => {
    const [first, second] = [await signedIn(), await signedIn()]
    const { shipmentId } = await confirmedOrder(engine)
    await offerTo(engine, shipmentId, [first.driver.driverId], 60)
    const offer = await offerHeard(first.phone, shipmentId)
    expect(await reply(second.phone, offer)).toMatchObject([false, { code: "offer_not_found" }])
    expect(await reply(first.phone, { ...offer, offerId: "ofr_x" })).toMatchObject([false, { code: "offer_not_found" }])
    expect(await reply(first.phone, offer, { token: 9 })).toMatchObject([false, { code: "stale_fencing_token" }])
    const id = commandId()
    for (const more of [{ token: 1.5 }, { accepted: "yes" }, { reason: 7 }, { reason: "x".repeat(201) }])
      expect(await reply(first.phone, offer, { id: commandId(), ...more })).toMatchObject([
        false,
        { code: "bad_value" }
      ])
    expect((await reply(first.phone, offer, { id }))[0]).toBe(true)
    await Promise.all([first.phone.close(), second.phone.close()])
  })
})

describe("an offer's time", () => {
  it("is over by the server's clock: every device is told, and an answer is late", async () => {
    const { driver, phone } = await signedIn()
    const { shipmentId } = await confirmedOrder(engine)
    await offerTo(engine, shipmentId, [driver.driverId], 1)
    const offer = await offerHeard(phone, shipmentId)
    expect(await goneHeard(phone, offer.offerId)).toBe("expired")
    expect(await reply(phone, offer)).toMatchObject([false, { code: "offer_expired" }])
    expect(await eventsOf(shipmentId)).toEqual(["created", "dispatching", "offered", "offer_expired"])
    // Asked again it is a new offer.
    await offerTo(engine, shipmentId, [driver.driverId], 60)
    const again = await until(
      "the next OFFER",
      () => offersHeard(phone).at(-1),
      (heard) => heard?.offerId !== offer.offerId
    )
    expect(again?.fencingToken).toBe(2)
    await phone.close()
  })

  it("ends with the shipment, or when it is given to somebody without asking", async () => {
    const { driver, phone } = await signedIn()
    const [cancelled, given] = [await confirmedOrder(engine), await confirmedOrder(engine)]
    for (const { shipmentId } of [cancelled, given]) await offerTo(engine, shipmentId, [driver.driverId], 60)
    const [first, second] = [await offerHeard(phone, cancelled.shipmentId), await offerHeard(phone, given.shipmentId)]
    await commandOf(engine, cancelled.shipmentId, { _tag: "Cancel" })
    await assignTo(engine, given.shipmentId, (await engine.driver()).driverId)
    expect(await goneHeard(phone, first.offerId)).toBe("withdrawn")
    expect(await goneHeard(phone, second.offerId)).toBe("taken")
    expect(await reply(phone, first)).toMatchObject([false, { code: "offer_withdrawn" }])
    expect(await reply(phone, second)).toMatchObject([false, { code: "shipment_already_taken" }])
    await phone.close()
  })

  it("that ended while the phone was away is told when it comes back", async () => {
    const { driver, phone } = await signedIn()
    const { shipmentId } = await confirmedOrder(engine)
    await offerTo(engine, shipmentId, [driver.driverId], 60)
    const offer = await offerHeard(phone, shipmentId)
    await phone.close()
    await assignTo(engine, shipmentId, (await engine.driver()).driverId)
    const { phone: back } = await signIn(engine, driver)
    expect(await goneHeard(back, offer.offerId)).toBe("taken")
    expect(offersHeard(back)).toEqual([])
    await back.close()
  })

  it("is kept by every node that is left: the others' sweeps end it, and phones on any node may answer", async () => {
    const { databaseUrl, redisUrl } = engine
    const limits = { offerTtlSMin: 1, offerSweepMs: 200 }
    const other = await startEngine({ databaseUrl, redisUrl, limits, env: { nodeName: "other" } })
    const driver = await engine.driver()
    const here = (await signIn(engine, driver)).phone
    const there = (await signIn(other, driver, { deviceId: "tablet" })).phone
    const [quick, slow] = [await confirmedOrder(engine), await confirmedOrder(engine)]
    await offerTo(other, quick.shipmentId, [driver.driverId], 60)
    await offerHeard(here, quick.shipmentId)
    const offer = await offerHeard(there, quick.shipmentId)
    expect((await reply(there, offer))[0]).toBe(true)
    expect(await goneHeard(here, offer.offerId)).toBe("accepted")
    await offerTo(other, slow.shipmentId, [driver.driverId], 1)
    const late = await offerHeard(here, slow.shipmentId)
    await there.close()
    await other.stop()
    expect(await goneHeard(here, late.offerId)).toBe("expired")
    expect((await eventsOf(slow.shipmentId)).filter((type) => type === "offer_expired")).toHaveLength(1)
    await here.close()
  })
})
