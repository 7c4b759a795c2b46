import { randomUUID } from "node:crypto"
import { Redis } from "ioredis"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import type { Frame } from "../../../src/protocol/FrameCodec.ts"
import { DriverClientFrame, FleetServerFrame, TrackingServerFrame } from "../../../src/protocol/FrameType.ts"
import { FleetStatus } from "../../../src/realtime/FleetBoard.ts"
import { onBoard, shownAs } from "../../kit/BoardWatch.ts"
import { assignTo, confirmedOrder } from "../../kit/EngineOrders.ts"
import { type EngineUnderTest, startEngine, type TestDriver } from "../../kit/EngineUnderTest.ts"
import { FaultProxy } from "../../kit/FaultProxy.ts"
import { insertUser, tokenOf, watchFleet } from "../../kit/FleetWatch.ts"
import { signIn } from "../../kit/SignedIn.ts"
import { type FreshRedis, ownRedis } from "../../kit/TestServices.ts"
import { TrackedOrders } from "../../kit/TrackedOrders.ts"
import { watchOrder } from "../../kit/TrackingWatch.ts"
import { until } from "../../kit/Until.ts"
import type { WireClient } from "../../kit/WireClient.ts"

let redis: FreshRedis
let proxy: FaultProxy
/** Nodes on one database; the first has drivers, the second dispatchers, and its way to Redis can be cut. */
let first: EngineUnderTest
let second: EngineUnderTest

beforeAll(async () => {
  redis = await ownRedis()
  const url = new URL(redis.url)
  proxy = await FaultProxy.start({ host: url.hostname, port: Number(url.port) })
  const proxied = new URL(redis.url)
  proxied.hostname = "127.0.0.1"
  proxied.port = String(proxy.port)
  const limits = { noticeReconnectMs: 100 }
  first = await startEngine({ limits, redisUrl: redis.url, env: { nodeName: "first" } })
  second = await startEngine({
    limits,
    databaseUrl: first.databaseUrl,
    redisUrl: proxied.href,
    env: { nodeName: "second" }
  })
})
afterAll(async () => {
  await second.drop()
  await first.drop()
  await proxy.stop()
  await redis.drop()
})

const lat = (n: number): number => 525_200_000 + n * 1_000

/** The n-th place of a drive: 10 m and 10 s after the one before. */
const fieldsOf = (n: number): ReadonlyArray<number> => {
  const recordedAt = Date.now() - 600_000 + n * 10_000
  return [recordedAt, lat(n), 134_050_000, 500, 9_000, 500]
}
const point = (seq: number): Frame => [DriverClientFrame.point, seq, ...fieldsOf(seq), 80, 0]
/** Moves the live place, and is never stored: another node can only have it from a batch. */
const beacon = (n: number): Frame => [DriverClientFrame.beacon, ...fieldsOf(n)]

const duty = (phone: WireClient, wanted: "on" | "off" | "break"): void =>
  phone.send([DriverClientFrame.duty, randomUUID(), wanted, null])

const connected = async (engine: EngineUnderTest, driver: TestDriver): Promise<WireClient> => {
  const { phone } = await signIn(engine, driver)
  onTestFinished(() => phone.terminate())
  return phone
}

const dispatcher = async (engine: EngineUnderTest): Promise<WireClient> => {
  const page = await watchFleet(engine.url, { token: await tokenOf(engine, await insertUser(engine, "dispatcher")) })
  await page.next(FleetServerFrame.snapshot)
  return page
}

/** Sends beacons until one is seen: at most one a second counts. */
const beaconsArrive = async (phone: WireClient, driver: TestDriver, from: number): Promise<void> => {
  let n = from
  let sentAt = 0
  await until(
    "a beacon on the other node",
    async () => {
      if (Date.now() - sentAt > 1_100) {
        sentAt = Date.now()
        phone.send(beacon(n++))
      }
      return (await onBoard(second, driver))?.latE7 ?? 0
    },
    (seen) => seen >= lat(from),
    30_000
  )
}

describe("a driver who is connected to another node", () => {
  it("is on the map with every place, duty and load, and stays as offline when the phone goes", async () => {
    const driver = await first.driver()
    const phone = await connected(first, driver)
    phone.send(point(1))
    await shownAs(second, driver, { latE7: lat(1), status: FleetStatus.connected, isShown: true })
    duty(phone, "on")
    await shownAs(second, driver, { status: FleetStatus.available })
    duty(phone, "break")
    await shownAs(second, driver, { status: FleetStatus.break })
    const { shipmentId } = await confirmedOrder(first)
    await assignTo(first, shipmentId, driver.driverId)
    await shownAs(second, driver, { status: FleetStatus.assigned })
    await beaconsArrive(phone, driver, 2)
    await phone.close()
    await shownAs(second, driver, { status: FleetStatus.offline, isShown: true })
  })

  it("leaves the map when they go off duty there", async () => {
    const driver = await first.driver()
    const phone = await connected(first, driver)
    duty(phone, "on")
    phone.send(point(1))
    await shownAs(second, driver, { status: FleetStatus.available, isShown: true })
    duty(phone, "off")
    await shownAs(second, driver, { isShown: false })
  })

  it("and comes to this one is never offline on either", async () => {
    const driver = await first.driver()
    const there = await connected(first, driver)
    there.send(point(1))
    await there.acked(1)
    await shownAs(second, driver, { status: FleetStatus.connected })
    const here = await connected(second, driver)
    expect(await there.closeCode()).toBe(4503)
    here.send(point(2))
    await here.acked(2)
    for (const engine of [first, second])
      await shownAs(engine, driver, { status: FleetStatus.connected, latE7: lat(2) })
    await here.close()
    for (const engine of [first, second]) await shownAs(engine, driver, { status: FleetStatus.offline })
  })

  it("is offline at once when that node is stopped", async () => {
    const third = await startEngine({
      databaseUrl: first.databaseUrl,
      redisUrl: redis.url,
      env: { nodeName: "third" }
    })
    onTestFinished(() => third.drop())
    const driver = await third.driver()
    const phone = await connected(third, driver)
    phone.send(point(1))
    await shownAs(second, driver, { status: FleetStatus.connected, latE7: lat(1) })
    await third.stop()
    expect(await phone.closeCode()).toBe(4000)
    await shownAs(second, driver, { status: FleetStatus.offline, isShown: true })
  })

  it("is followed by a customer of this node, between one commit and the next", async () => {
    const orders = await TrackedOrders.open(first.databaseUrl)
    onTestFinished(() => orders.close())
    const driver = await first.driver()
    const phone = await connected(first, driver)
    const order = await orders.onTheWay(driver)
    const page = await watchOrder(second.url, { token: (await orders.link(order)).token, minIntervalMs: 200 })
    await page.next(TrackingServerFrame.snapshot)
    phone.send(beacon(5))
    await until(
      "the beacon's place",
      () => page.of(TrackingServerFrame.position).map((frame) => frame[2]),
      (places) => places.includes(lat(5)),
      30_000
    )
  })
})

describe("with Redis away", () => {
  it("what is committed on the other node is followed, and batches again when it is back", async () => {
    const driver = await first.driver()
    const phone = await connected(first, driver)
    await dispatcher(second)
    phone.send(point(1))
    await shownAs(second, driver, { latE7: lat(1), status: FleetStatus.connected })
    proxy.cut()
    phone.send(point(2))
    await phone.acked(2)
    await shownAs(second, driver, { latE7: lat(2), status: FleetStatus.connected })
    const newcomer = await first.driver()
    const other = await connected(first, newcomer)
    other.send(point(1))
    await shownAs(second, newcomer, { latE7: lat(1), status: FleetStatus.connected })
    await phone.close()
    await shownAs(second, driver, { status: FleetStatus.offline, isShown: true })
    proxy.restore()
    await beaconsArrive(other, newcomer, 2)
  })

  it("a connection that carries nothing is noticed by the other's silence", async () => {
    const driver = await first.driver()
    const phone = await connected(first, driver)
    await dispatcher(second)
    phone.send(point(1))
    await shownAs(second, driver, { latE7: lat(1) })
    proxy.stall()
    phone.send(point(2))
    await phone.acked(2)
    await shownAs(second, driver, { latE7: lat(2), status: FleetStatus.connected })
    proxy.restore()
    await beaconsArrive(phone, driver, 3)
  })
})

describe("a node alone", () => {
  it("tells Redis nothing of its drivers until another one listens, and is then heard whole", async () => {
    const own = await ownRedis()
    onTestFinished(() => own.drop())
    const client = new Redis(own.url)
    onTestFinished(() => client.disconnect())
    const published = async (): Promise<number> =>
      Number(/cmdstat_publish:calls=(\d+)/.exec(await client.info("commandstats"))?.[1] ?? 0)
    const alone = await startEngine({ redisUrl: own.url, env: { nodeName: "alone" } })
    onTestFinished(() => alone.drop())
    const driver = await alone.driver()
    const phone = await connected(alone, driver)
    for (let seq = 1; seq <= 20; seq++) phone.send(point(seq))
    await phone.acked(20)
    await shownAs(alone, driver, { latE7: lat(20) })
    await until("its greeting", published, (calls) => calls > 0)
    expect(await published()).toBe(1)
    const joining = await startEngine({
      databaseUrl: alone.databaseUrl,
      redisUrl: own.url,
      env: { nodeName: "joining" }
    })
    onTestFinished(() => joining.drop())
    await shownAs(joining, driver, { latE7: lat(20), status: FleetStatus.connected })
    await until("batches", published, (calls) => calls > 3)
  })
})

describe("after a restart", () => {
  it("the map has everybody who was heard of lately, offline and as old as they are, and nobody twice", async () => {
    const before = await startEngine({ env: { nodeName: "restarted" } })
    onTestFinished(() => before.drop())
    const [lately, longAgo, offDuty] = [await before.driver(), await before.driver(), await before.driver()]
    for (const driver of [lately, longAgo, offDuty]) {
      const phone = await connected(before, driver)
      phone.send(point(1))
      await phone.acked(1)
      if (driver === offDuty) duty(phone, "off")
    }
    await until(
      "the committed duty",
      () => before.rows("SELECT 1 FROM drivers WHERE id = $1 AND duty = 'off'", [offDuty.driverId]),
      ({ length }) => length === 1
    )
    await before.stop()
    const client = await startEngine({ databaseUrl: before.databaseUrl, env: { nodeName: "elsewhere" } })
    await client.rows(
      "UPDATE driver_ingest_cursors SET marker_received_at = now() - interval '16 minutes' WHERE driver_id = $1",
      [longAgo.driverId]
    )
    await client.drop()
    const after = await startEngine({ databaseUrl: before.databaseUrl, env: { nodeName: "restarted" } })
    onTestFinished(() => after.drop())
    const seen = await onBoard(after, lately)
    expect(seen).toMatchObject({ status: FleetStatus.offline, latE7: lat(1), isShown: true })
    expect(seen?.heardAt).toBeGreaterThan(Date.now() - 10 * 60_000)
    expect([await onBoard(after, longAgo), await onBoard(after, offDuty)]).toEqual([undefined, undefined])
    const phone = await connected(after, lately)
    await shownAs(after, lately, { status: FleetStatus.connected, latE7: lat(1) })
    phone.send(point(2))
    await shownAs(after, lately, { latE7: lat(2) })
  })
})

describe("a node that starts", () => {
  it("shows who is connected elsewhere as connected, unless nothing was heard of that session for long", async () => {
    const [there, lost] = [await first.driver(), await first.driver()]
    for (const driver of [there, lost]) {
      const phone = await connected(first, driver)
      phone.send(point(1))
      await phone.acked(1)
    }
    await first.rows("UPDATE driver_sessions SET last_seen = now() - interval '10 minutes' WHERE driver_id = $1", [
      lost.driverId
    ])
    // With a Redis of its own it hears no batch: what it shows is what it has read.
    const starting = await startEngine({ databaseUrl: first.databaseUrl, env: { nodeName: "starting" } })
    onTestFinished(() => starting.drop())
    expect(await onBoard(starting, there)).toMatchObject({ status: FleetStatus.connected, latE7: lat(1) })
    expect(await onBoard(starting, lost)).toMatchObject({ status: FleetStatus.offline, latE7: lat(1) })
  })
})

describe("an event of an order", () => {
  const eventsOf = (page: WireClient, orderId: string): ReadonlyArray<unknown> =>
    page
      .of(FleetServerFrame.event)
      .filter((frame) => frame[6] === `ord_${orderId}`)
      .map((frame) => frame[3])

  const logOf = async (orderId: string): Promise<ReadonlyArray<unknown>> =>
    (
      await first.rows<{ type: string }>("SELECT type FROM shipment_events WHERE order_id = $1 ORDER BY event_no", [
        orderId
      ])
    ).map(({ type }) => type)

  /** Waits until the page was told as many events as the log has, and answers both. */
  const whole = async (page: WireClient, orderId: string) => {
    const log = await logOf(orderId)
    await until(
      "the whole log",
      () => eventsOf(page, orderId),
      (types) => types.length >= log.length,
      30_000
    )
    return { log, told: eventsOf(page, orderId) }
  }

  it("is told to the consoles of every node, once, from the order to the driver, with the shipment that it has by then", async () => {
    const pages = [await dispatcher(first), await dispatcher(second)]
    const { orderId, shipmentId } = await confirmedOrder(first)
    await assignTo(second, shipmentId, (await first.driver()).driverId)
    await assignTo(first, shipmentId, (await first.driver()).driverId, "reassign")
    for (const page of pages) {
      const { log, told } = await whole(page, orderId)
      expect(told).toEqual(log)
      expect(told).toEqual(expect.arrayContaining(["order.submitted", "order.confirmed", "shipment.assigned"]))
      const shipments = page
        .of(FleetServerFrame.event)
        .filter((frame) => frame[6] === `ord_${orderId}` && frame[3] !== "order.submitted")
        .map((frame) => frame[2])
      expect(new Set(shipments)).toEqual(new Set([`shp_${shipmentId}`]))
    }
  })

  it("that was committed while the doorbell was cut is told once it is back, and no other again", async () => {
    const page = await dispatcher(second)
    const before = await confirmedOrder(first)
    await whole(page, before.orderId)
    const bells = async (): Promise<ReadonlyArray<number>> =>
      (
        await first.rows<{ pid: number }>(
          `SELECT pid FROM pg_stat_activity
           WHERE datname = current_database() AND application_name = 'dropmate-dropmate_orders' AND state = 'idle'`
        )
      ).map(({ pid }) => pid)
    const cut = await bells()
    await first.rows("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid", [cut])
    const missed = await confirmedOrder(first)
    await until("the doorbells, back", bells, (pids) => pids.length === 2 && pids.every((pid) => !cut.includes(pid)))
    for (const { orderId } of [missed, before]) {
      const { log, told } = await whole(page, orderId)
      expect(told).toEqual(log)
    }
  })
})
