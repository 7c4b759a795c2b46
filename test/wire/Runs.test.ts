import { Clock, Effect } from "effect"
import type { SqlClient } from "effect/sql"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { Runs } from "../../src/actors/runs/Runs.ts"
import { systemActor } from "../../src/domain/Actor.ts"
import { publicId } from "../../src/domain/Ids.ts"
import { inRowScope, systemScope } from "../../src/persistence/RowScope.ts"
import { TrackingRepo } from "../../src/persistence/tracking/TrackingRepo.ts"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { assignTo, confirmedOrder } from "../kit/EngineOrders.ts"
import { type EngineUnderTest, startEngine } from "../kit/EngineUnderTest.ts"
import { foldProblems } from "../kit/FoldedShipments.ts"
import { signIn } from "../kit/SignedIn.ts"
import { until } from "../kit/Until.ts"
import { commandId, type WireClient } from "../kit/WireClient.ts"

interface Task {
  readonly assignment_id: string
  readonly shipment_id: string
  readonly fencing_token: number
  readonly sequence: number
  readonly run_id?: string
  readonly stops: ReadonlyArray<{ readonly type: string; readonly position: number; readonly status: string }>
}

interface Break {
  readonly stop_id: string
  readonly position: number
}

interface Parcel {
  readonly orderId: string
  readonly shipmentId: string
}

let engine: EngineUnderTest

beforeAll(async () => {
  engine = await startEngine({ limits: { runRepairEveryMs: 200 } })
})
afterAll(() => engine.drop())
afterEach(async () => {
  expect(await foldProblems(engine.databaseUrl)).toEqual([])
})

type RunsService = Runs["Service"]

/** One change of a run, as the server's own doing: the dispatcher who would have asked is not there. */
const changing = <A, E>(change: (runs: RunsService) => Effect.Effect<A, E, SqlClient.SqlClient>): Promise<A> =>
  engine.run(Effect.flatMap(Runs, (runs) => inRowScope(systemScope, change(runs))))

const giving = (runId: string): Promise<void> =>
  engine.run(
    Effect.gen(function* () {
      const runs = yield* Runs
      const occurredAt = new Date(yield* Clock.currentTimeMillis)
      yield* runs.give(runId, { origin: { actor: systemActor, cause: "test", occurredAt }, scope: systemScope })
    })
  )

const plannedRun = async (driverId: string, parcels: ReadonlyArray<Parcel>): Promise<string> => {
  const id = crypto.randomUUID()
  const shipmentIds = parcels.map((each) => each.shipmentId)
  const run = { id, driverId, vehicleId: null, name: "North", plannedStartAt: null }
  await changing((runs) => runs.create(run, shipmentIds, undefined))
  await giving(id)
  return id
}

const tasksOf = (phone: WireClient): ReadonlyArray<Task> =>
  (phone.of(DriverServerFrame.tasks).at(-1)?.[2] ?? []) as ReadonlyArray<Task>
const breaksOf = (phone: WireClient): ReadonlyArray<Break> =>
  (phone.of(DriverServerFrame.tasks).at(-1)?.[3] ?? []) as ReadonlyArray<Break>
const versionOf = (phone: WireClient): number => Number(phone.of(DriverServerFrame.tasks).at(-1)?.[1] ?? 0)
const inOrder = (phone: WireClient): ReadonlyArray<string> => tasksOf(phone).map((task) => task.shipment_id)
const idsOf = (parcels: ReadonlyArray<Parcel>): ReadonlyArray<string> =>
  parcels.map((each) => publicId("shipment", each.shipmentId))
const toldInOrder = (phone: WireClient, parcels: ReadonlyArray<Parcel>) =>
  until(
    "TASKS in that order",
    () => inOrder(phone),
    (ids) => JSON.stringify(ids) === JSON.stringify(idsOf(parcels))
  )

const report = async (phone: WireClient, parcel: Parcel, ...actions: ReadonlyArray<string>): Promise<void> => {
  const task = tasksOf(phone).find((each) => each.shipment_id === publicId("shipment", parcel.shipmentId))
  for (const action of actions) {
    const id = commandId()
    const payload = action === "failed" ? { reason_code: "recipient_absent" } : {}
    const { assignment_id, fencing_token } = task ?? { assignment_id: "", fencing_token: 0 }
    phone.send([DriverClientFrame.task, id, assignment_id, fencing_token, action, Date.now(), payload])
    const answer = () => phone.of(DriverServerFrame.result).find((frame) => frame[1] === id) ?? null
    const result = await until("RESULT", answer, (frame) => frame !== null)
    expect([action, result?.[2], result?.[3]]).toMatchObject([action, true, {}])
  }
}

const rowsOf = (runId: string) =>
  engine.rows<{ id: string; shipment_id: string | null; stop_type: string; status: string }>(
    "SELECT id, shipment_id, stop_type, status FROM route_stops WHERE run_id = $1 ORDER BY position",
    [runId]
  )

const runOf = async (runId: string) =>
  (await engine.rows<{ status: string }>("SELECT status FROM delivery_runs WHERE id = $1", [runId]))[0]?.status

/** How many stops come before each parcel, as its customer's page is told. */
const stopsBefore = async (...parcels: ReadonlyArray<Parcel>): Promise<ReadonlyArray<number>> => {
  const ids = parcels.map((each) => each.orderId)
  const ahead = await engine.run(Effect.flatMap(TrackingRepo, (repo) => repo.stopsAhead(ids)))
  return ids.map((id) => ahead.get(id)?.length ?? 0)
}

const parcelsFor = async (count: number): Promise<ReadonlyArray<Parcel>> => {
  const made: Array<Parcel> = []
  for (let i = 0; i < count; i++) made.push(await confirmedOrder(engine))
  return made
}

describe("a driver's day", () => {
  it("is delivered in the order of its run, also when that changes on the way", async () => {
    const driver = await engine.driver()
    const { phone } = await signIn(engine, driver)
    const parcels = await parcelsFor(4)
    const [first, second, third, fourth] = parcels as [Parcel, Parcel, Parcel, Parcel]
    const runId = await plannedRun(driver.driverId, parcels)
    await toldInOrder(phone, parcels)
    await changing((runs) => runs.move(runId, "start", undefined))
    expect(await stopsBefore(first, fourth)).toEqual([3, 6])
    for (const parcel of parcels) await report(phone, parcel, "en_route_to_pickup", "at_pickup", "picked_up")
    expect(await stopsBefore(...parcels)).toEqual([0, 1, 2, 3])
    await report(phone, first, "en_route", "arrived", "delivered")

    const before = versionOf(phone)
    const rows = await rowsOf(runId)
    const doorOf = ({ shipmentId }: Parcel) =>
      rows.find((row) => row.shipment_id === shipmentId && row.stop_type === "dropoff")?.id ?? ""
    const over = rows.filter((row) => row.status === "completed").map((row) => row.id)
    const order = [...over, doorOf(fourth), doorOf(third), doorOf(second)]
    await changing((runs) => runs.reorder(runId, order, undefined))
    await toldInOrder(phone, [fourth, third, second])
    expect(versionOf(phone)).toBeGreaterThan(before)
    const positions = tasksOf(phone).map((task) => task.stops.find((stop) => stop.type === "dropoff")?.position)
    expect(positions).toEqual([6, 7, 8])
    expect(await stopsBefore(second, third, fourth)).toEqual([2, 1, 0])

    const pause = { lat: 48.2, lng: 16.37, address: null, durationS: 900 }
    await changing((runs) => runs.addBreak(runId, pause, doorOf(third), undefined))
    const [rest] = await until(
      "a break",
      () => breaksOf(phone),
      (list) => list.length === 1
    )
    const where = { run_id: publicId("run", runId), type: "break", position: 8, duration_s: 900, status: "planned" }
    expect(rest).toMatchObject({ ...where, lat: 48.2, lng: 16.37 })
    expect(tasksOf(phone).map((task) => task.run_id)).toEqual(Array(3).fill(where.run_id))
    await changing((runs) => runs.addBreak(runId, { ...pause, durationS: 300 }, undefined, undefined))
    const [, spare] = await until(
      "two breaks",
      () => breaksOf(phone),
      (list) => list.length === 2
    )
    await changing((runs) => runs.dropBreak(runId, spare?.stop_id.slice(4) ?? "", undefined))
    await until(
      "one break",
      () => breaksOf(phone),
      (list) => list.length === 1
    )
    expect(await stopsBefore(second, third, fourth)).toEqual([3, 1, 0])
    await report(phone, fourth, "en_route", "arrived", "delivered")
    await report(phone, third, "en_route", "arrived", "failed")
    expect(await stopsBefore(second)).toEqual([1])
    await report(phone, second, "en_route")
    expect(await stopsBefore(second)).toEqual([0])
    await until(
      "no break",
      () => breaksOf(phone),
      (list) => list.length === 0
    )
    await report(phone, second, "arrived", "delivered")
    expect(await runOf(runId)).toBe("active")
    await report(phone, third, "returned")
    expect(await runOf(runId)).toBe("completed")
    expect((await rowsOf(runId)).map((row) => row.status).sort()).toEqual([...Array(8).fill("completed"), "failed"])
    await phone.close()
  })

  it("goes on without a parcel that the driver hands off or that is taken from them, and counts only their own", async () => {
    const [driver, other] = [await engine.driver(), await engine.driver()]
    const [{ phone }, { phone: others }] = [await signIn(engine, driver), await signIn(engine, other)]
    const parcels = await parcelsFor(3)
    const [first, second, third] = parcels as [Parcel, Parcel, Parcel]
    const runId = await plannedRun(driver.driverId, parcels)
    await toldInOrder(phone, parcels)
    await changing((runs) => runs.move(runId, "start", undefined))
    for (const parcel of parcels) await report(phone, parcel, "en_route_to_pickup", "at_pickup", "picked_up")
    await report(phone, first, "handed_off")
    await toldInOrder(phone, [second, third])
    expect(await stopsBefore(third)).toEqual([1])
    await assignTo(engine, first.shipmentId, other.driverId)
    await toldInOrder(others, [first])
    expect(tasksOf(others)[0]?.stops.map(({ position, status }) => [position, status])).toEqual([
      [1, "completed"],
      [2, "planned"]
    ])
    await changing((runs) => runs.takeOut(runId, second.shipmentId, undefined))
    expect([(await rowsOf(runId)).length, await stopsBefore(third)]).toEqual([2, [0]])
    await report(phone, second, "en_route", "arrived", "delivered")
    expect(await runOf(runId)).toBe("active")
    await report(phone, third, "en_route", "arrived", "delivered")
    expect(await runOf(runId)).toBe("completed")
    await Promise.all([phone.close(), others.close()])
  })
})

describe("a run whose server died before it asked the shipments", () => {
  /** As if all that happened so far had been an hour ago. */
  const lost = async (runId: string) => {
    const parts = "(SELECT p.shipment_id FROM route_stops p WHERE p.run_id = $1)"
    await engine.rows(
      `UPDATE driver_assignments SET accepted_at = accepted_at - interval '1 hour' WHERE shipment_id IN ${parts}`,
      [runId]
    )
    await engine.rows("UPDATE run_givings SET wanted_at = wanted_at - interval '1 hour' WHERE run_id = $1", [runId])
    await until(
      "nothing is left to give",
      () => engine.rows("SELECT FROM run_givings WHERE run_id = $1", [runId]),
      (rows) => rows.length === 0
    )
  }

  it("is given by the server itself, with the reason that staff gave; a shipment that refuses is asked once", async () => {
    const [driver, other] = [await engine.driver(), await engine.driver()]
    const [{ phone }, { phone: others }] = [await signIn(engine, driver), await signIn(engine, other)]
    const parcels = await parcelsFor(3)
    const [first, second, third] = parcels as [Parcel, Parcel, Parcel]
    await assignTo(engine, second.shipmentId, other.driverId)
    await toldInOrder(others, [second])
    await report(others, second, "en_route_to_pickup", "at_pickup", "picked_up")
    const id = crypto.randomUUID()
    const run = { id, driverId: driver.driverId, vehicleId: null, name: "Lost", plannedStartAt: null }
    const shipmentIds = [first.shipmentId, second.shipmentId]
    await changing((runs) => runs.create(run, shipmentIds, undefined))
    expect(tasksOf(phone)).toEqual([])
    await lost(id)
    await toldInOrder(phone, [first])
    const missing = async () => (await changing((runs) => runs.detail(id, "dispatcher"))).missing
    expect((await missing()).map(({ shipmentId, code }) => [shipmentId, code])).toEqual([
      [second.shipmentId, "reason_required"]
    ])

    await changing((runs) => runs.add(id, [third.shipmentId], undefined, undefined))
    await changing((runs) => runs.update(id, { driver_id: driver.driverId }, undefined, "the van broke down"))
    await lost(id)
    await until(
      "all tasks",
      () => inOrder(phone).length,
      (count) => count === 3
    )
    expect(await missing()).toEqual([])
    const [handed] = await engine.rows<{ reason: string }>(
      "SELECT data->>'reason' AS reason FROM shipment_events WHERE shipment_id = $1 AND type = 'shipment.handed_off'",
      [second.shipmentId]
    )
    expect(handed?.reason).toBe("the van broke down")
    await Promise.all([phone.close(), others.close()])
  })

  it("does not take back what a dispatcher gave to somebody else meanwhile", async () => {
    const [driver, other] = [await engine.driver(), await engine.driver()]
    const [{ phone }, { phone: others }] = [await signIn(engine, driver), await signIn(engine, other)]
    const [first, second] = (await parcelsFor(2)) as [Parcel, Parcel]
    const id = crypto.randomUUID()
    const run = { id, driverId: driver.driverId, vehicleId: null, name: "Late", plannedStartAt: null }
    await changing((runs) => runs.create(run, [first.shipmentId, second.shipmentId], undefined))
    await assignTo(engine, second.shipmentId, other.driverId)
    await lost(id)
    await toldInOrder(phone, [first])
    await toldInOrder(others, [second])
    const { missing } = await changing((runs) => runs.detail(id, "dispatcher"))
    expect(missing.map(({ shipmentId, holderId }) => [shipmentId, holderId])).toEqual([
      [second.shipmentId, other.driverId]
    ])
    await Promise.all([phone.close(), others.close()])
  })

  it("is left alone while whoever changed it may still ask", async () => {
    const driver = await engine.driver()
    const [young, old] = [crypto.randomUUID(), crypto.randomUUID()]
    for (const id of [young, old]) {
      const run = { id, driverId: driver.driverId, vehicleId: null, name: null, plannedStartAt: null }
      const shipmentIds = (await parcelsFor(1)).map((each) => each.shipmentId)
      await changing((runs) => runs.create(run, shipmentIds, undefined))
    }
    await lost(old)
    const wanted = () => engine.rows("SELECT FROM run_givings WHERE run_id = $1", [young])
    expect(await wanted()).toHaveLength(1)
    await giving(young)
    expect(await wanted()).toEqual([])
  })
})
