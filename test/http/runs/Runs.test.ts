import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { Shipments } from "../../../src/actors/shipments/Shipments.ts"
import { bareId } from "../../../src/domain/Ids.ts"
import { foldProblems } from "../../kit/FoldedShipments.ts"
import { newShipment } from "../../kit/PlacedOrder.ts"
import { adminToken, call, newDriver } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"

interface Run {
  readonly id: string
  readonly driver_id: string | null
  readonly status: string
  readonly name: string | null
  readonly stop_count: number
  readonly stops_left: number
  readonly stops: ReadonlyArray<{
    readonly id: string
    readonly shipment_id: string | null
    readonly type: string
    readonly position: number
    readonly status: string
    readonly duration_s: number | null
  }>
  readonly shipments: ReadonlyArray<{ readonly shipment_id: string; readonly driver_id: string | null }>
  readonly not_given: ReadonlyArray<{ readonly shipment_id: string; readonly code: string | null }>
  readonly code?: string
  readonly errors?: ReadonlyArray<{ readonly pointer: string; readonly code: string; readonly detail: string }>
  readonly allowed?: ReadonlyArray<string>
}

let rest: RestServer
let admin: string

beforeAll(async () => {
  rest = await startRest()
  admin = await adminToken(rest.url)
})
afterAll(() => rest.stop())
afterEach(async () => {
  expect(await foldProblems(rest.databaseUrl)).toEqual([])
})

const ask = (method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) =>
  call<Run>(rest.url, method, `/v1/runs${path}`, { token: admin, headers, ...(body === undefined ? {} : { body }) })

const taken = async (answer: Promise<{ status: number; text: string; body: Run }>): Promise<Run> => {
  const { status, text, body } = await answer
  if (status >= 300) throw new Error(`was answered ${status}: ${text}`)
  return body
}

const read = (id: string) => taken(ask("GET", `/${id}`))
const driver = async () => (await newDriver(rest.url, admin)).id
const parcels = async (count: number): Promise<ReadonlyArray<string>> =>
  (await Promise.all(Array.from({ length: count }, () => newShipment(rest.url, admin)))).map((each) => each.shipmentId)
const newRun = async (body: unknown): Promise<Run> => read((await taken(ask("POST", "", body))).id)
const stopOf = (run: Run, shipmentId: string | undefined, type: string): string =>
  run.stops.find((stop) => stop.shipment_id === shipmentId && stop.type === type)?.id ?? ""
const refused = async (answer: ReturnType<typeof ask>): Promise<readonly [number, string | undefined]> => {
  const { status, body } = await answer
  return [status, body.code]
}

/** A driver's report, as their phone would send it. */
const report = async (run: Run, shipmentId: string | undefined, ...actions: ReadonlyArray<string>): Promise<void> => {
  const { body } = await call<{ assignment: { id: string; driver_id: string; fencing_token: number } }>(
    rest.url,
    "GET",
    `/v1/shipments/${shipmentId}`,
    { token: admin }
  )
  for (const action of actions) {
    const command = {
      commandId: randomUUID(),
      assignmentId: bareId("assignment", body.assignment.id) ?? "",
      fencingToken: body.assignment.fencing_token,
      action: action as "arrived",
      occurredAtMs: Date.now(),
      payload: action === "failed" ? { reason_code: "recipient_absent" as const } : {}
    }
    const driverId = bareId("driver", run.driver_id ?? "") ?? ""
    const verdict = await rest.run(Effect.flatMap(Shipments, (shipments) => shipments.task(driverId, command)))
    expect([action, verdict.ok, verdict.detail]).toMatchObject([action, true, {}])
  }
}

const pickUp = ["en_route_to_pickup", "at_pickup", "picked_up"] as const
const bring = ["en_route", "arrived", "delivered"] as const

describe("a run that is planned", () => {
  it("makes all pickups and then all drop-offs, and gives its shipments to its driver", async () => {
    const [driverId, shipmentIds] = [await driver(), await parcels(3)]
    const run = await newRun({ driver_id: driverId, shipment_ids: shipmentIds, name: "North" })
    expect(run).toMatchObject({ status: "planned", name: "North", stop_count: 6, stops_left: 6, not_given: [] })
    expect(run.stops.map((stop) => [stop.position, stop.type, stop.shipment_id])).toEqual([
      ...shipmentIds.map((id, index) => [index + 1, "pickup", id]),
      ...shipmentIds.map((id, index) => [index + 4, "dropoff", id])
    ])
    expect(run.shipments.map((each) => [each.shipment_id, each.driver_id])).toEqual(
      shipmentIds.map((id) => [id, driverId])
    )
  })

  it("takes its stops in the order that is asked for, if it can be", async () => {
    const shipmentIds = await parcels(2)
    const stops = await Promise.all(
      shipmentIds.map(
        async (id) =>
          (
            await call<{ data: ReadonlyArray<{ id: string }> }>(rest.url, "GET", `/v1/shipments/${id}/stops`, {
              token: admin
            })
          ).body.data
      )
    )
    const [[p1, d1] = [], [p2, d2] = []] = stops.map((each) => each.map((stop) => stop.id))
    const made = await newRun({ shipment_ids: shipmentIds, stop_ids: [p1, d1, p2, d2] })
    expect(made.stops.map((stop) => stop.id)).toEqual([p1, d1, p2, d2])
    const wrong = await ask("POST", "", { shipment_ids: await parcels(1), stop_ids: [d1, p1] })
    expect([wrong.status, wrong.body.code, wrong.body.errors?.[0]]).toMatchObject([
      409,
      "stop_order_refused",
      { pointer: "/stop_ids/0", code: "not_found" }
    ])
  })

  it("refuses what does not exist, and leaves nothing behind", async () => {
    const absent = "019a0000-0000-7000-8000-000000000000"
    const [known] = await parcels(1)
    for (const [body, pointer] of [
      [{ driver_id: `drv_${absent}` }, "/driver_id"],
      [{ vehicle_id: `veh_${absent}` }, "/vehicle_id"],
      [{ shipment_ids: [known, `shp_${absent}`] }, "/shipment_ids/1"]
    ] as const) {
      const answer = await ask("POST", "", body)
      expect([answer.status, answer.body.errors?.[0]?.pointer]).toEqual([422, pointer])
    }
    expect(await newRun({ shipment_ids: [known] })).toMatchObject({ stop_count: 2, driver_id: null, not_given: [] })
  })

  it("has a shipment to itself, until it is taken out", async () => {
    const [shipmentId] = await parcels(1)
    const [first, second] = [await newRun({ shipment_ids: [shipmentId] }), await newRun({})]
    const add = () => ask("POST", `/${second.id}/shipments`, { shipment_ids: [shipmentId] })
    expect(await refused(add())).toEqual([409, "shipment_in_run"])
    expect((await taken(ask("DELETE", `/${first.id}/shipments/${shipmentId}`))).stops).toEqual([])
    expect(await refused(ask("DELETE", `/${first.id}/shipments/${shipmentId}`))).toEqual([404, "not_found"])
    expect((await taken(add())).stops.map((stop) => stop.position)).toEqual([1, 2])
  })

  it("is made once for a key, and a replay gives nothing to anybody", async () => {
    const [driverId, other, [shipmentId]] = [await driver(), await driver(), await parcels(1)]
    const make = () =>
      ask("POST", "", { driver_id: driverId, shipment_ids: [shipmentId] }, { "idempotency-key": "once" })
    const first = await make()
    await call(rest.url, "POST", `/v1/shipments/${shipmentId}/reassign`, { token: admin, body: { driver_id: other } })
    const again = await make()
    expect([again.text, again.headers.get("idempotent-replayed")]).toEqual([first.text, "true"])
    expect((await read(first.body.id)).shipments[0]?.driver_id).toBe(other)
  })

  it("is changed by whoever has seen it as it is: a stale If-Match is 412", async () => {
    const run = await newRun({ shipment_ids: await parcels(2) })
    const seen = (await ask("GET", `/${run.id}`)).headers.get("etag") ?? ""
    const [p1, p2, d1, d2] = run.stops.map((stop) => stop.id)
    const put = (order: ReadonlyArray<string | undefined>, etag: string) =>
      ask("PUT", `/${run.id}/stops`, { stop_ids: order }, { "if-match": etag })
    const moved = await put([p2, d2, p1, d1], seen)
    expect([moved.status, moved.body.stops.map((stop) => stop.id)]).toEqual([200, [p2, d2, p1, d1]])
    expect(await refused(put([p1, p2, d1, d2], seen))).toEqual([412, "version_mismatch"])
    expect((await put([p1, p2, d1, d2], moved.headers.get("etag") ?? "")).status).toBe(200)
    const wrong = await put([d1, p1, p2, d2], "*")
    expect([wrong.status, wrong.body.code, wrong.body.errors]).toEqual([
      409,
      "stop_order_refused",
      [{ pointer: "/stop_ids/0", code: "invalid_value", detail: "comes before its parcel's pickup, /stop_ids/1" }]
    ])
  })

  it("has breaks with a place and a time, where they are wanted", async () => {
    const run = await newRun({ shipment_ids: await parcels(1) })
    const pause = { lat: 48.2, lng: 16.37, duration_s: 1_800 }
    await taken(ask("POST", `/${run.id}/breaks`, { ...pause, after_stop_id: run.stops[0]?.id }))
    const { stops } = await taken(ask("POST", `/${run.id}/breaks`, { ...pause, duration_s: 600 }))
    expect(stops.map((stop) => [stop.position, stop.type, stop.duration_s])).toEqual([
      [1, "pickup", null],
      [2, "break", 1_800],
      [3, "dropoff", null],
      [4, "break", 600]
    ])
    expect(await refused(ask("POST", `/${run.id}/breaks`, { ...pause, duration_s: 5 }))).toEqual([422, "invalid_body"])
  })

  it("loses a break that is still to come, once, by whoever has seen the run as it is", async () => {
    const run = await newRun({ shipment_ids: await parcels(1) })
    const pause = { lat: 48.2, lng: 16.37, duration_s: 1_800 }
    const { stops } = await taken(ask("POST", `/${run.id}/breaks`, { ...pause, after_stop_id: run.stops[0]?.id }))
    const rest = stops.find((stop) => stop.type === "break")?.id
    const path = `/${run.id}/breaks/${rest}`
    expect(await refused(ask("DELETE", path, undefined, { "if-match": '"1"' }))).toEqual([412, "version_mismatch"])
    const left = await taken(ask("DELETE", path))
    expect(left.stops.map((stop) => [stop.position, stop.type])).toEqual([
      [1, "pickup"],
      [2, "dropoff"]
    ])
    expect(await refused(ask("DELETE", path))).toEqual([404, "not_found"])
    expect(await refused(ask("DELETE", `/${run.id}/breaks/${run.stops[0]?.id}`))).toEqual([409, "not_a_break"])
    const again = await taken(ask("POST", `/${run.id}/breaks`, pause))
    expect(again.stops.map((stop) => stop.position)).toEqual([1, 2, 3])
  })

  it("tells which shipments its driver did not get, and why, until they do", async () => {
    const [first, second, [mine, theirs]] = [await driver(), await driver(), await parcels(2)]
    const carried = await newRun({ driver_id: first, shipment_ids: [theirs] })
    await report(carried, theirs, ...pickUp)
    await taken(ask("POST", `/${carried.id}/cancel`, {}))
    const run = await newRun({ driver_id: second, shipment_ids: [mine, theirs] })
    expect(run.not_given).toMatchObject([{ shipment_id: theirs, driver_id: first, code: "reason_required" }])
    expect(await refused(ask("POST", `/${run.id}/start`, {}))).toEqual([409, "run_not_given"])
    const given = await taken(ask("PATCH", `/${run.id}`, { driver_id: second, reason: "the first one is ill" }))
    expect([given.not_given, given.shipments.map((each) => each.driver_id)]).toEqual([[], [second, second]])
    expect((await taken(ask("POST", `/${run.id}/start`, {}))).status).toBe("active")
  })
})

describe("a run under way", () => {
  const started = async (count: number): Promise<{ readonly run: Run; readonly ids: ReadonlyArray<string> }> => {
    const ids = await parcels(count)
    const { id } = await newRun({ driver_id: await driver(), shipment_ids: ids })
    return { run: await taken(ask("POST", `/${id}/start`, {})), ids }
  }

  it("is the driver's only one", async () => {
    const { run } = await started(1)
    const second = await newRun({ driver_id: run.driver_id, shipment_ids: await parcels(1) })
    expect(await refused(ask("POST", `/${second.id}/start`, {}))).toEqual([409, "driver_has_run"])
    expect(await refused(ask("PATCH", `/${run.id}`, { driver_id: null }))).toEqual([409, "run_without_driver"])
  })

  it("follows its driver: what is over comes first, whatever the plan said", async () => {
    const { run, ids } = await started(2)
    const [first, second] = ids
    await report(run, second, ...pickUp, ...bring)
    const { stops, stops_left } = await read(run.id)
    expect([stops_left, stops.map((stop) => [stop.shipment_id, stop.type, stop.status])]).toEqual([
      2,
      [
        [second, "pickup", "completed"],
        [second, "dropoff", "completed"],
        [first, "pickup", "planned"],
        [first, "dropoff", "planned"]
      ]
    ])
  })

  it("loses a shipment that is handed to somebody else, whose pickup stays done", async () => {
    const { run, ids } = await started(2)
    const [first, second] = ids
    await report(run, first, ...pickUp)
    const body = { driver_id: await driver(), reason: "a flat tyre" }
    await call(rest.url, "POST", `/v1/shipments/${first}/reassign`, { token: admin, body })
    const { stops } = await read(run.id)
    expect(stops.map((stop) => [stop.shipment_id, stop.position])).toEqual([
      [second, 1],
      [second, 2]
    ])
    const left = await call<{ data: ReadonlyArray<Record<string, unknown>> }>(
      rest.url,
      "GET",
      `/v1/shipments/${first}/stops`,
      { token: admin }
    )
    expect(left.body.data).toMatchObject([
      { type: "pickup", position: 1, status: "completed", run_id: null },
      { type: "dropoff", position: 2, status: "planned", run_id: null }
    ])
  })

  it("goes over to another driver as a whole, with a reason for what is picked up", async () => {
    const { run, ids } = await started(2)
    await report(run, ids[0], ...pickUp)
    const other = await driver()
    const told = await taken(ask("PATCH", `/${run.id}`, { driver_id: other, reason: "the first one is ill" }))
    expect(told).toMatchObject({ status: "active", driver_id: other, not_given: [], stop_count: 4 })
    await report(told, ids[0], "en_route", "arrived", "delivered")
    await report(told, ids[1], ...pickUp, ...bring)
    expect(await read(run.id)).toMatchObject({ status: "completed", stops_left: 0 })
  })

  it("completes by itself with its last parcel, and skips the break that is left", async () => {
    const { run, ids } = await started(2)
    await taken(ask("POST", `/${run.id}/breaks`, { lat: 48.2, lng: 16.3, duration_s: 600 }))
    await report(run, ids[0], ...pickUp, ...bring)
    await report(run, ids[1], ...pickUp, "en_route", "arrived", "failed")
    expect(await refused(ask("POST", `/${run.id}/complete`, {}))).toEqual([409, "run_unfinished"])
    await report(run, ids[1], "returned")
    const done = await read(run.id)
    expect([done.status, done.stops.at(-1)?.type, done.stops.at(-1)?.status]).toEqual(["completed", "break", "skipped"])
    expect((await taken(ask("POST", `/${run.id}/complete`, {}))).status).toBe("completed")
    const late = await ask("POST", `/${run.id}/cancel`, {})
    expect([late.status, late.body.code, late.body.allowed]).toEqual([409, "illegal_transition", []])
    expect(await refused(ask("PUT", `/${run.id}/stops`, { stop_ids: [] }))).toEqual([409, "illegal_transition"])
  })

  it("cancelled, lets go of what is not over, and its driver keeps it", async () => {
    const { run, ids } = await started(2)
    await report(run, ids[0], ...pickUp, ...bring)
    const cancelled = await taken(ask("POST", `/${run.id}/cancel`, {}))
    expect([cancelled.status, cancelled.stops.map((stop) => stop.shipment_id)]).toEqual(["cancelled", [ids[0], ids[0]]])
    const again = await newRun({ driver_id: run.driver_id, shipment_ids: [ids[1]] })
    expect([again.not_given, stopOf(again, ids[1], "dropoff")]).toEqual([[], expect.stringMatching(/^stp_/)])
  })

  it("is reordered by dispatchers while its driver delivers, and nobody dies of it", async () => {
    const { run, ids } = await started(4)
    const reverse = async () => {
      const { stops } = await read(run.id)
      const order = [
        ...stops.filter((stop) => ["completed", "failed"].includes(stop.status)),
        ...stops.filter((stop) => stop.type === "pickup" && !["completed", "failed"].includes(stop.status)).reverse(),
        ...stops.filter((stop) => stop.type === "dropoff" && !["completed", "failed"].includes(stop.status)).reverse()
      ]
      return (await ask("PUT", `/${run.id}/stops`, { stop_ids: order.map((stop) => stop.id) })).status
    }
    const driving = Promise.all(ids.map((id) => report(run, id, ...pickUp, ...bring)))
    const answers: Array<number> = []
    for (let i = 0; i < 12; i++) answers.push(...(await Promise.all([reverse(), reverse()])))
    await driving
    expect(answers.filter((status) => ![200, 409].includes(status))).toEqual([])
    expect(await read(run.id)).toMatchObject({ status: "completed", stops_left: 0 })
  })
})

describe("runs", () => {
  it("take shipments that many dispatchers put in at once, each into one run", async () => {
    const [shipmentIds, a, b] = [await parcels(8), await newRun({}), await newRun({})]
    const answers = await Promise.all(
      shipmentIds.flatMap((id) =>
        [a, b].map(async (run) => refused(ask("POST", `/${run.id}/shipments`, { shipment_ids: [id] })))
      )
    )
    const codes = answers.map(([status, code]) => (status === 200 ? "taken" : code))
    const held = [...(await read(a.id)).shipments, ...(await read(b.id)).shipments].map((each) => each.shipment_id)
    expect(new Set(held).size).toBe(held.length)
    expect(codes.filter((code) => code === "taken")).toHaveLength(held.length)
    expect(codes.filter((code) => !["taken", "shipment_in_run", "run_busy"].includes(code ?? ""))).toEqual([])
  })

  it("of one driver that start at once: one does", async () => {
    const driverId = await driver()
    const [a, b] = await Promise.all(
      [0, 1].map(async () => newRun({ driver_id: driverId, shipment_ids: await parcels(1) }))
    )
    const answers = await Promise.all([a, b].map((run) => refused(ask("POST", `/${run?.id}/start`, {}))))
    expect(answers.map(([status, code]) => code ?? status).sort()).toEqual([200, "driver_has_run"])
  })

  it("are listed by status and driver, the newest first", async () => {
    const driverId = await driver()
    const [first, second] = [await newRun({ driver_id: driverId }), await newRun({ driver_id: driverId })]
    await taken(ask("POST", `/${first.id}/cancel`, {}))
    const list = async (query: string) =>
      (
        await call<{ data: ReadonlyArray<Run> }>(rest.url, "GET", `/v1/runs?driver_id=${driverId}${query}`, {
          token: admin
        })
      ).body.data.map((run) => run.id)
    expect(await list("")).toEqual([second.id, first.id])
    expect(await list("&status=planned")).toEqual([second.id])
    expect(await list("&limit=1")).toEqual([second.id])
  })
})
