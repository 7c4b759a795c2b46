import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import type { ShipmentCommand } from "../../src/domain/ShipmentDecision.ts"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { assignTo, commandOf, confirmedOrder, offerTo } from "../kit/EngineOrders.ts"
import { type EngineUnderTest, startEngine, type TestDriver } from "../kit/EngineUnderTest.ts"
import { foldProblems } from "../kit/FoldedShipments.ts"
import { offerHeard, reply } from "../kit/OfferWatch.ts"
import { signIn } from "../kit/SignedIn.ts"
import { until } from "../kit/Until.ts"
import { commandId, type WireClient } from "../kit/WireClient.ts"

interface Task {
  readonly assignment_id: string
  readonly fencing_token: number
  readonly shipment_status: string
  readonly stops: ReadonlyArray<{ readonly status: string }>
}

interface Driving {
  readonly driver: TestDriver
  readonly phone: WireClient
}

let engine: EngineUnderTest

beforeAll(async () => {
  engine = await startEngine()
})
afterAll(() => engine.drop())
afterEach(async () => {
  expect(await foldProblems(engine.databaseUrl)).toEqual([])
})

const driving = async (): Promise<Driving> => {
  const driver = await engine.driver()
  return { driver, phone: (await signIn(engine, driver)).phone }
}

const taskOf = async ({ phone }: Driving): Promise<Task> => {
  const tasks = () => (phone.of(DriverServerFrame.tasks).at(-1)?.[2] ?? []) as ReadonlyArray<Task>
  const [task] = await until("a task", tasks, (list) => list.length === 1)
  if (task === undefined) throw new Error("one task was told")
  return task
}

const report = async (
  { phone }: Driving,
  task: Task,
  action: string,
  payload: Readonly<Record<string, unknown>> = {}
): Promise<readonly [ok: boolean, detail: { readonly code?: string; readonly allowed?: ReadonlyArray<string> }]> => {
  const id = commandId()
  phone.send([DriverClientFrame.task, id, task.assignment_id, task.fencing_token, action, Date.now(), payload])
  const found = () => phone.of(DriverServerFrame.result).find((frame) => frame[1] === id) ?? null
  const result = await until("RESULT", found, (frame) => frame !== null)
  return [result?.[2] as boolean, (result?.[3] ?? {}) as { readonly code?: string }]
}

const along = async (who: Driving, task: Task, ...actions: ReadonlyArray<string>): Promise<void> => {
  for (const action of actions) expect(await report(who, task, action), action).toMatchObject([true, {}])
}

const given = async (who: Driving, shipmentId: string): Promise<Task> => {
  await assignTo(engine, shipmentId, who.driver.driverId)
  return taskOf(who)
}

const wayThere = ["en_route_to_pickup", "at_pickup", "picked_up", "en_route", "arrived"] as const
const absent = { reason_code: "recipient_absent" }

const eventsOf = async (shipmentId: string): Promise<ReadonlyArray<string>> =>
  (
    await engine.rows<{ type: string }>("SELECT type FROM shipment_events WHERE shipment_id = $1 ORDER BY version", [
      shipmentId
    ])
  ).map(({ type }) => type.slice("shipment.".length))

const refusal = (shipmentId: string, asked: ShipmentCommand): Promise<unknown> =>
  commandOf(engine, shipmentId, asked).then(
    () => "taken",
    (error: { readonly code?: string }) => error.code
  )

const closed = (...all: ReadonlyArray<Driving>) => Promise.all(all.map(({ phone }) => phone.close()))

describe("a failed attempt", () => {
  it("needs a reason that is on the list", async () => {
    const first = await driving()
    const { shipmentId } = await confirmedOrder(engine)
    const task = await given(first, shipmentId)
    await along(first, task, ...wayThere)
    for (const payload of [{}, { reason_code: "did_not_feel_like_it" }, { reason_code: 7 }])
      expect(await report(first, task, "failed", payload)).toMatchObject([false, { code: "bad_value" }])
    expect((await report(first, task, "failed", absent))[0]).toBe(true)
    await closed(first)
  })

  it("is tried again by the same driver, who has the parcel and sets out at once", async () => {
    const first = await driving()
    const { shipmentId } = await confirmedOrder(engine)
    const task = await given(first, shipmentId)
    await along(first, task, ...wayThere)
    await report(first, task, "failed", absent)
    await commandOf(engine, shipmentId, { _tag: "Retry" })
    await commandOf(engine, shipmentId, { _tag: "Retry" })
    await until(
      "no task",
      () => first.phone.of(DriverServerFrame.tasks).at(-1)?.[2] as ReadonlyArray<Task>,
      (tasks) => tasks.length === 0
    )
    expect(await report(first, task, "returned")).toMatchObject([false, { code: "illegal_transition" }])
    const again = await given(first, shipmentId)
    expect(again.fencing_token).toBe(2)
    expect(again.stops.map((stop) => stop.status)).toEqual(["completed", "planned"])
    await along(first, again, "en_route", "arrived", "delivered")
    expect((await eventsOf(shipmentId)).slice(-7)).toEqual([
      "failed",
      "retrying",
      "assigned",
      "picked_up",
      "en_route",
      "arrived",
      "delivered"
    ])
    await closed(first)
  })

  it("is tried again by another driver, to whom it was offered and who meets the first one", async () => {
    const [first, second] = [await driving(), await driving()]
    const { shipmentId } = await confirmedOrder(engine)
    const task = await given(first, shipmentId)
    await along(first, task, ...wayThere)
    await report(first, task, "failed", absent)
    await commandOf(engine, shipmentId, { _tag: "Retry" })
    await offerTo(engine, shipmentId, [second.driver.driverId])
    expect((await reply(second.phone, await offerHeard(second.phone, shipmentId)))[0]).toBe(true)
    const theirs = await taskOf(second)
    expect(await report(second, theirs, "delivered")).toMatchObject([
      false,
      { code: "illegal_transition", allowed: ["en_route_to_pickup", "picked_up", "en_route"] }
    ])
    await along(second, theirs, "en_route_to_pickup", "picked_up", "en_route", "arrived", "delivered")
    await closed(first, second)
  })

  it("is brought back when staff say so", async () => {
    const first = await driving()
    const { shipmentId } = await confirmedOrder(engine)
    const task = await given(first, shipmentId)
    await along(first, task, ...wayThere)
    expect(await refusal(shipmentId, { _tag: "StartReturn" })).toBe("illegal_transition")
    await report(first, task, "failed", absent)
    await commandOf(engine, shipmentId, { _tag: "StartReturn" })
    expect(await refusal(shipmentId, { _tag: "Retry" })).toBe("illegal_transition")
    await along(first, task, "returned")
    expect((await eventsOf(shipmentId)).slice(-3)).toEqual(["failed", "returning", "returned"])
    await closed(first)
  })
})

describe("a hand-off", () => {
  it("to a named driver offers them the parcel, and nobody is given it without a word", async () => {
    const [first, second] = [await driving(), await driving()]
    const { shipmentId } = await confirmedOrder(engine)
    const task = await given(first, shipmentId)
    await along(first, task, "en_route_to_pickup", "at_pickup", "picked_up")
    const nobody = "drv_019a0000-0000-7000-8000-000000000000"
    for (const to of [nobody, `drv_${first.driver.driverId}`])
      expect(await report(first, task, "handed_off", { to_driver_id: to })).toMatchObject([
        false,
        { code: "driver_not_available" }
      ])
    expect(await report(first, task, "handed_off", { to_driver_id: "x" })).toMatchObject([false, { code: "bad_value" }])
    const to_driver_id = `drv_${second.driver.driverId}`
    expect((await report(first, task, "handed_off", { to_driver_id }))[0]).toBe(true)
    expect((await reply(second.phone, await offerHeard(second.phone, shipmentId)))[0]).toBe(true)
    const theirs = await taskOf(second)
    await along(second, theirs, "picked_up", "en_route", "arrived", "delivered")
    expect((await eventsOf(shipmentId)).slice(-7, -3)).toEqual(["handed_off", "offered", "assigned", "picked_up"])
    await closed(first, second)
  })

  it("is forced for a reason when a driver vanishes with the parcel; what they report later is stale", async () => {
    const [first, second] = [await driving(), await driving()]
    const { shipmentId } = await confirmedOrder(engine)
    const task = await given(first, shipmentId)
    await along(first, task, "en_route_to_pickup", "at_pickup", "picked_up", "en_route")
    await first.phone.close()
    expect(await refusal(shipmentId, { _tag: "Unassign" })).toBe("reason_required")
    expect(await refusal(shipmentId, { _tag: "Cancel" })).toBe("illegal_transition")
    await commandOf(engine, shipmentId, {
      _tag: "Reassign",
      assignmentId: crypto.randomUUID(),
      driverId: second.driver.driverId,
      reason: "not heard of since noon"
    })
    const theirs = await taskOf(second)
    const back: Driving = { driver: first.driver, phone: (await signIn(engine, first.driver)).phone }
    expect(await report(back, task, "arrived")).toMatchObject([false, { code: "stale_fencing_token" }])
    await along(second, theirs, "en_route", "arrived")
    await commandOf(engine, shipmentId, { _tag: "Unassign", reason: "an accident" })
    expect(await report(second, theirs, "delivered")).toMatchObject([false, { code: "illegal_transition" }])
    expect((await eventsOf(shipmentId)).slice(-6)).toEqual([
      "handed_off",
      "assigned",
      "picked_up",
      "en_route",
      "arrived",
      "handed_off"
    ])
    await closed(back, second)
  })

  it("leaves an offline log one verdict for each command, and the shipment in a legal state, in any order", async () => {
    const [first, second] = [await driving(), await driving()]
    const { shipmentId } = await confirmedOrder(engine)
    const task = await given(first, shipmentId)
    await along(first, task, "en_route_to_pickup", "at_pickup", "picked_up")
    await commandOf(engine, shipmentId, { _tag: "Unassign", reason: "not heard of" })
    await given(second, shipmentId)
    const log = ["en_route", "arrived", "delivered", "handed_off", "en_route"].map((action) => [commandId(), action])
    const shuffled = [...log, ...log].sort(([a = ""], [b = ""]) => (a.slice(4) < b.slice(4) ? -1 : 1))
    const occurredAt = Date.now() - 60_000
    for (const [id, action] of shuffled)
      first.phone.send([DriverClientFrame.task, id, task.assignment_id, task.fencing_token, action, occurredAt, {}])
    const results = await until(
      "ten answers",
      () => first.phone.of(DriverServerFrame.result).slice(-10),
      (frames) => frames.length === 10 && log.every(([id]) => frames.filter((frame) => frame[1] === id).length === 2)
    )
    expect(new Set(results.map(([, , , detail]) => (detail as { code: string } | null)?.code))).toEqual(
      new Set(["stale_fencing_token"])
    )
    await closed(first, second)
  })
})

const noTask = ({ phone }: Driving) =>
  until(
    "no task",
    () => phone.of(DriverServerFrame.tasks).at(-1)?.[2] as ReadonlyArray<Task>,
    (tasks) => tasks.length === 0
  )

const gives = (how: "Assign" | "Reassign", { driver }: Driving, reason?: string): ShipmentCommand => ({
  _tag: how,
  assignmentId: crypto.randomUUID(),
  driverId: driver.driverId,
  ...(reason === undefined ? {} : { reason })
})

const orderStatus = async (orderId: string) =>
  (await engine.rows<{ status: string }>("SELECT status FROM orders WHERE id = $1", [orderId]))[0]?.status

describe("a return", () => {
  it("is given to another driver for a reason when the first one vanishes; they bring it, and the first one's report is stale", async () => {
    const [first, second] = [await driving(), await driving()]
    const { shipmentId, orderId } = await confirmedOrder(engine)
    const task = await given(first, shipmentId)
    await along(first, task, ...wayThere)
    await report(first, task, "failed", absent)
    await commandOf(engine, shipmentId, { _tag: "StartReturn" })
    expect(await refusal(shipmentId, gives("Assign", second))).toBe("shipment_already_taken")
    expect(await refusal(shipmentId, gives("Reassign", second))).toBe("reason_required")
    await commandOf(engine, shipmentId, gives("Reassign", second, "not heard of since noon"))
    await commandOf(engine, shipmentId, gives("Reassign", second))
    await noTask(first)
    const theirs = await taskOf(second)
    expect([theirs.shipment_status, theirs.fencing_token]).toEqual(["returning", 2])
    expect(await report(first, task, "returned")).toMatchObject([false, { code: "stale_fencing_token" }])
    expect(await report(second, theirs, "delivered")).toMatchObject([
      false,
      { code: "illegal_transition", allowed: ["returned"] }
    ])
    await along(second, theirs, "returned")
    await along(second, theirs, "returned")
    await noTask(second)
    expect((await eventsOf(shipmentId)).slice(-3)).toEqual(["returning", "return_assigned", "returned"])
    expect(await orderStatus(orderId)).toBe("cancelled")
    await closed(first, second)
  })

  it("is ended by staff when the parcel is back and no driver says so", async () => {
    const first = await driving()
    const { shipmentId, orderId } = await confirmedOrder(engine)
    const task = await given(first, shipmentId)
    expect(await refusal(shipmentId, { _tag: "MarkReturned", reason: "found" })).toBe("illegal_transition")
    await along(first, task, ...wayThere)
    await report(first, task, "failed", absent)
    await commandOf(engine, shipmentId, { _tag: "MarkReturned", reason: "left at the gate" })
    await commandOf(engine, shipmentId, { _tag: "MarkReturned", reason: "left at the gate" })
    await noTask(first)
    await along(first, task, "returned")
    expect((await eventsOf(shipmentId)).slice(-3)).toEqual(["failed", "returning", "returned"])
    expect(await orderStatus(orderId)).toBe("cancelled")
    await closed(first)
  })

  it("is begun for a parcel that was handed off and that nobody takes; who is asked is told that it is over", async () => {
    const [first, second, third] = [await driving(), await driving(), await driving()]
    const { shipmentId, orderId } = await confirmedOrder(engine)
    expect(await refusal(shipmentId, { _tag: "StartReturn" })).toBe("illegal_transition")
    const task = await given(first, shipmentId)
    await along(first, task, ...wayThere, "handed_off")
    await offerTo(engine, shipmentId, [third.driver.driverId])
    const offer = await offerHeard(third.phone, shipmentId)
    await commandOf(engine, shipmentId, { _tag: "StartReturn" })
    expect((await reply(third.phone, offer))[1]).toMatchObject({ code: "offer_withdrawn" })
    const gone = () => third.phone.of(DriverServerFrame.offerGone).at(-1)
    await until("OFFER_GONE", gone, (frame) => frame?.[2] === "withdrawn")
    expect(await report(first, task, "returned")).toMatchObject([false, { code: "illegal_transition", allowed: [] }])
    expect(await refusal(shipmentId, gives("Reassign", second, "?"))).toBe("illegal_transition")
    await commandOf(engine, shipmentId, gives("Assign", second))
    const theirs = await taskOf(second)
    expect(theirs.stops.map((stop) => stop.status)).toEqual(["completed", "skipped"])
    await along(second, theirs, "returned")
    expect(await orderStatus(orderId)).toBe("cancelled")
    await closed(first, second, third)
  })
})

describe("another window", () => {
  it("is promised on the shipment, the order and the stop, and is no move of the shipment", async () => {
    const { shipmentId, orderId } = await confirmedOrder(engine)
    const [startMs, endMs] = [Date.UTC(2030, 0, 1, 8), Date.UTC(2030, 0, 1, 10)]
    await commandOf(engine, shipmentId, { _tag: "Reschedule", startMs, endMs })
    expect(await eventsOf(shipmentId)).toEqual(["created", "dispatching", "rescheduled"])
    const [row] = await engine.rows<Record<string, Date>>(
      `SELECT s.promised_arrival_at, o.window_start, o.window_end, p.window_end AS stop_end FROM shipments s
       JOIN orders o ON o.id = s.order_id JOIN route_stops p ON p.shipment_id = s.id AND p.stop_type = 'dropoff' WHERE o.id = $1`,
      [orderId]
    )
    expect(row).toEqual({
      promised_arrival_at: new Date(endMs),
      window_start: new Date(startMs),
      window_end: new Date(endMs),
      stop_end: new Date(endMs)
    })
    await commandOf(engine, shipmentId, { _tag: "Cancel" })
    expect(await refusal(shipmentId, { _tag: "Reschedule", startMs, endMs })).toBe("illegal_transition")
  })
})
