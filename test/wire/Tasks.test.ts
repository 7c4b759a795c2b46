import { Effect } from "effect"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { TrackingRepo } from "../../src/persistence/tracking/TrackingRepo.ts"
import type { Frame } from "../../src/protocol/FrameCodec.ts"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { assignTo, confirmedOrder } from "../kit/EngineOrders.ts"
import { type EngineUnderTest, startEngine, type TestDriver } from "../kit/EngineUnderTest.ts"
import { foldProblems } from "../kit/FoldedShipments.ts"
import { signIn } from "../kit/SignedIn.ts"
import { until } from "../kit/Until.ts"
import { commandId, type WireClient } from "../kit/WireClient.ts"

interface Task {
  readonly assignment_id: string
  readonly shipment_id: string
  readonly fencing_token: number
  readonly status: string
  readonly shipment_status: string
  readonly stops: ReadonlyArray<{ readonly type: string; readonly status: string; readonly lat: number }>
}

interface Detail {
  readonly code?: string
  readonly allowed?: ReadonlyArray<string>
  readonly shipment_status?: string
}

let engine: EngineUnderTest

beforeAll(async () => {
  engine = await startEngine()
})
afterAll(() => engine.drop())
afterEach(async () => {
  expect(await foldProblems(engine.databaseUrl)).toEqual([])
})

const tasksOf = (phone: WireClient): ReadonlyArray<Task> =>
  (phone.of(DriverServerFrame.tasks).at(-1)?.[2] ?? []) as ReadonlyArray<Task>

const told = (phone: WireClient, holds: (tasks: ReadonlyArray<Task>) => boolean) =>
  until("TASKS with the change", () => tasksOf(phone), holds)

const report = async (
  phone: WireClient,
  task: Pick<Task, "assignment_id" | "fencing_token">,
  action: unknown,
  more: { readonly id?: string; readonly at?: unknown; readonly payload?: unknown; readonly token?: number } = {}
): Promise<readonly [ok: boolean, detail: Detail]> => {
  const id = more.id ?? commandId()
  const at = more.at ?? Date.now()
  phone.send([
    DriverClientFrame.task,
    id,
    task.assignment_id,
    more.token ?? task.fencing_token,
    action,
    at,
    more.payload ?? {}
  ] as Frame)
  const [, answered, ok, detail] = await phone.next(DriverServerFrame.result)
  expect(answered).toBe(id)
  return [ok as boolean, (detail ?? {}) as Detail]
}

const working = async (): Promise<{
  driver: TestDriver
  phone: WireClient
  task: Task
  orderId: string
  shipmentId: string
}> => {
  const driver = await engine.driver()
  const { phone } = await signIn(engine, driver)
  const { orderId, shipmentId } = await confirmedOrder(engine)
  await assignTo(engine, shipmentId, driver.driverId)
  const [task] = await told(phone, (tasks) => tasks.length === 1)
  if (task === undefined) throw new Error("one task was told")
  return { driver, phone, task, orderId, shipmentId }
}

const wayThere = ["en_route_to_pickup", "at_pickup", "picked_up", "en_route", "arrived"] as const

describe("TASKS", () => {
  it("tells a connected driver at once of an assignment, on every device, and again with the welcome", async () => {
    const { driver, phone, task, shipmentId } = await working()
    expect(task).toMatchObject({
      shipment_id: `shp_${shipmentId}`,
      fencing_token: 1,
      status: "accepted",
      shipment_status: "assigned"
    })
    expect(task.stops.map((stop) => [stop.type, stop.status])).toEqual([
      ["pickup", "planned"],
      ["dropoff", "planned"]
    ])
    const { phone: tablet } = await signIn(engine, driver, { deviceId: "tablet" })
    await until(
      "TASKS of the welcome",
      () => tasksOf(tablet),
      (tasks) => tasks.length === 1
    )
    const other = await engine.driver()
    await assignTo(engine, shipmentId, other.driverId, "reassign")
    for (const device of [phone, tablet]) {
      await told(device, (tasks) => tasks.length === 0)
      const versions = device.of(DriverServerFrame.tasks).map((frame) => frame[1] as number)
      expect(versions).toEqual([...versions].sort((a, b) => a - b))
      await device.close()
    }
  })

  it("are never missed by a driver who connects while work is given out", async () => {
    for (let round = 0; round < 10; round++) {
      const driver = await engine.driver()
      const { shipmentId } = await confirmedOrder(engine)
      const [{ phone }] = await Promise.all([signIn(engine, driver), assignTo(engine, shipmentId, driver.driverId)])
      await told(phone, (tasks) => tasks.length === 1)
      await phone.close()
    }
  })
})

describe("TASK", () => {
  it("along the legal path delivers the order, and tells what happened in order", async () => {
    const { phone, task, orderId, driver } = await working()
    for (const action of wayThere)
      expect(await report(phone, task, action)).toMatchObject([true, { shipment_status: action }])
    const loads = await engine.run(Effect.flatMap(TrackingRepo, (repo) => repo.driverLoads()))
    expect(loads.find((load) => load.driverId === driver.driverId)?.load).toBe("carrying")
    const proof = { proof: { type: "note", value: "left with the neighbour" } }
    expect(await report(phone, task, "delivered", { payload: proof })).toMatchObject([
      true,
      { shipment_status: "delivered" }
    ])
    await told(phone, (tasks) => tasks.length === 0)
    const log = await engine.rows<{ type: string; event_no: number }>(
      `SELECT type, event_no::integer FROM shipment_events WHERE order_id = '${orderId}' ORDER BY event_no`
    )
    expect(log.map(({ type }) => type)).toEqual([
      "order.drafted",
      "order.submitted",
      "order.confirmed",
      "shipment.created",
      "shipment.dispatching",
      "shipment.assigned",
      ...wayThere.map((action) => `shipment.${action}`),
      "shipment.delivered",
      "order.fulfilled",
      "proof.added"
    ])
    expect(log.map(({ event_no }) => event_no)).toEqual(log.map((_, index) => index + 1))
    const tracked = await engine.run(Effect.flatMap(TrackingRepo, (repo) => repo.load(orderId)))
    expect(tracked).toMatchObject({ offset: log.length, shipmentStatus: "delivered", orderStatus: "fulfilled" })
    expect(tracked?.driver).toBeUndefined()
    const later = await engine.run(Effect.flatMap(TrackingRepo, (repo) => repo.eventsAfter(orderId, 6)))
    expect(later).toEqual(tracked?.timeline.slice(6))
    await phone.close()
  })

  it("out of order is refused with what would be allowed, and changes nothing", async () => {
    const { phone, task } = await working()
    expect(await report(phone, task, "delivered")).toMatchObject([
      false,
      { code: "illegal_transition", allowed: ["en_route_to_pickup"] }
    ])
    expect((await report(phone, task, "en_route_to_pickup"))[0]).toBe(true)
    await phone.close()
  })

  it("sent again has the same answer, also after reconnecting, and happens once", async () => {
    const { phone, task, driver, shipmentId } = await working()
    const id = commandId()
    const at = Date.now()
    const first = await report(phone, task, "en_route_to_pickup", { id, at })
    await report(phone, task, "at_pickup")
    await phone.close()
    const { phone: back } = await signIn(engine, driver)
    expect(await report(back, task, "en_route_to_pickup", { id, at })).toEqual(first)
    expect(await report(back, task, "at_pickup", { id, at })).toMatchObject([false, { code: "command_reused" }])
    const events = await engine.rows(
      "SELECT type FROM shipment_events WHERE shipment_id = $1 AND type LIKE '%pickup'",
      [shipmentId]
    )
    expect(events).toHaveLength(2)
    await back.close()
  })

  it("sent by two devices at once under one id happens once", async () => {
    const { phone, task, driver, shipmentId } = await working()
    const { phone: tablet } = await signIn(engine, driver, { deviceId: "tablet" })
    const more = { id: commandId(), at: Date.now() }
    const answers = await Promise.all([phone, tablet].map((each) => report(each, task, "en_route_to_pickup", more)))
    expect(answers[0]).toEqual(answers[1])
    expect(answers[0]?.[0]).toBe(true)
    const [row] = await engine.rows<{ version: number }>("SELECT version::integer FROM shipments WHERE id = $1", [
      shipmentId
    ])
    expect(row?.version).toBe(4)
    await Promise.all([phone.close(), tablet.close()])
  })

  it("of a driver whose shipment was given away is stale, whatever their log says", async () => {
    const { phone, task, shipmentId } = await working()
    await report(phone, task, "en_route_to_pickup")
    const other = await engine.driver()
    const { phone: theirs } = await signIn(engine, other)
    await assignTo(engine, shipmentId, other.driverId, "reassign")
    expect(await report(phone, task, "at_pickup")).toMatchObject([false, { code: "stale_fencing_token" }])
    const [mine] = await told(theirs, (tasks) => tasks.length === 1)
    expect(mine).toMatchObject({ fencing_token: 2, shipment_status: "assigned" })
    expect(mine?.stops[0]?.status).toBe("planned")
    if (mine !== undefined) {
      expect(await report(phone, mine, "en_route_to_pickup")).toMatchObject([false, { code: "assignment_not_found" }])
      expect(await report(theirs, mine, "en_route_to_pickup", { token: 1 })).toMatchObject([
        false,
        { code: "stale_fencing_token" }
      ])
      expect((await report(theirs, mine, "en_route_to_pickup"))[0]).toBe(true)
    }
    await Promise.all([phone.close(), theirs.close()])
  })

  it("handed off, the parcel stays picked up and goes on with the next driver", async () => {
    const { phone, task, shipmentId } = await working()
    for (const action of wayThere.slice(0, 4)) await report(phone, task, action)
    expect((await report(phone, task, "handed_off", { payload: { reason_code: "flat_tyre" } }))[0]).toBe(true)
    const other = await engine.driver()
    const { phone: theirs } = await signIn(engine, other)
    await assignTo(engine, shipmentId, other.driverId)
    const [mine] = await told(theirs, (tasks) => tasks.length === 1)
    if (mine === undefined) throw new Error("the next driver has the task")
    expect(mine.stops.map((stop) => stop.status)).toEqual(["completed", "planned"])
    for (const action of [...wayThere, "delivered"]) expect((await report(theirs, mine, action))[0], action).toBe(true)
    await Promise.all([phone.close(), theirs.close()])
  })

  it("failed at the door goes back, and the order is cancelled with its stock returned", async () => {
    const { phone, task, orderId } = await working()
    for (const action of wayThere) await report(phone, task, action)
    await report(phone, task, "failed", { payload: { reason_code: "recipient_absent", note: "rang twice" } })
    await told(phone, (tasks) => tasks[0]?.shipment_status === "failed")
    expect(await report(phone, task, "returned")).toMatchObject([true, { shipment_status: "returned" }])
    await told(phone, (tasks) => tasks.length === 0)
    const [order] = await engine.rows<{ status: string; stock: number }>(
      `SELECT o.status, p.stock FROM orders o JOIN order_items i ON i.order_id = o.id JOIN products p ON p.id = i.product_id
       WHERE o.id = $1`,
      [orderId]
    )
    expect(order).toEqual({ status: "cancelled", stock: 10 })
    await phone.close()
  })

  it("with a value that cannot be read is refused and may be sent again under the same id", async () => {
    const { phone, task } = await working()
    const id = commandId()
    for (const [action, more] of [
      ["teleport", {}],
      ["en_route_to_pickup", { at: "now" }],
      ["en_route_to_pickup", { token: 1.5 }],
      ["en_route_to_pickup", { payload: [1] }],
      ["delivered", { payload: { proof: { type: "smell", value: "x" } } }],
      ["failed", { payload: { reason_code: "Not A Code" } }]
    ] as const)
      expect(await report(phone, task, action, { id, ...more }), action).toMatchObject([false, { code: "bad_value" }])
    expect(await report(phone, task, "en_route_to_pickup", { id, at: Date.now() + 600_000 })).toMatchObject([
      false,
      { code: "clock_future" }
    ])
    expect((await report(phone, task, "en_route_to_pickup", { id }))[0]).toBe(true)
    await phone.close()
  })
})
