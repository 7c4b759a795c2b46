import { Effect, Fiber } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { defaultLimits } from "../../../src/config/Limits.ts"
import { TrackingRepo } from "../../../src/persistence/tracking/TrackingRepo.ts"
import { assignTo, confirmedOrder } from "../../kit/EngineOrders.ts"
import { type EngineUnderTest, startEngine } from "../../kit/EngineUnderTest.ts"
import { foldProblems } from "../../kit/FoldedShipments.ts"
import { until } from "../../kit/Until.ts"

let engine: EngineUnderTest

beforeAll(async () => {
  engine = await startEngine({ limits: { noticeReconnectMs: 20 } })
})
afterAll(() => engine.drop())

const repo = <A, E>(use: (repo: TrackingRepo["Service"]) => Effect.Effect<A, E>) =>
  engine.run(Effect.flatMap(TrackingRepo, use))

describe("a tracked order", () => {
  it("is read with the exact offset of what it includes, while its shipment changes hands again and again", async () => {
    const { orderId, shipmentId } = await confirmedOrder(engine)
    const drivers = await Promise.all([engine.driver(), engine.driver()])
    await assignTo(engine, shipmentId, drivers[0]?.driverId ?? "")
    let isOver = false
    const changing = (async () => {
      for (let i = 1; i <= 40; i++) await assignTo(engine, shipmentId, drivers[i % 2]?.driverId ?? "", "reassign")
      isOver = true
    })()
    let reads = 0
    while (!isOver) {
      const order = await repo((each) => each.load(orderId))
      reads++
      expect(order?.timeline.map((event) => event.offset)).toEqual(order?.timeline.map((_, index) => index + 1))
      expect(order?.offset).toBe(order?.timeline.length)
      expect(order?.timeline.at(-1)?.data.driver_id).toBe(order?.driver?.driverId)
    }
    await changing
    expect(reads).toBeGreaterThan(5)
  })

  it("that does not exist, and a token that nobody was given, are nothing", async () => {
    expect(await repo((each) => each.load("019a0000-0000-7000-8000-000000000000"))).toBeUndefined()
    expect(await repo((each) => each.byToken(new Uint8Array(32)))).toBeUndefined()
  })
})

describe("the doorbell of orders", () => {
  it("rings for each commit, and says that it may have missed some when its connection was cut", async () => {
    const rung: Array<string> = []
    let caughtUp = 0
    const listening = await repo((each) =>
      Effect.forkDetach(each.watchOrders({ caughtUp: () => void caughtUp++, noticed: (id) => void rung.push(id) }))
    )
    try {
      await until(
        "listening",
        () => caughtUp,
        (times) => times === 1
      )
      const first = await confirmedOrder(engine)
      await until("the doorbell", () => rung.includes(first.orderId), Boolean)
      await engine.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dropmate-dropmate_orders'"
      )
      await until(
        "listening again",
        () => caughtUp,
        (times) => times >= 2
      )
      const second = await confirmedOrder(engine)
      await until("the doorbell again", () => rung.includes(second.orderId), Boolean)
    } finally {
      await Effect.runPromise(Fiber.interrupt(listening))
    }
  })
})

describe("the months of shipment_events", () => {
  it("are made once each, and one that is missing is made by the first event", async () => {
    const made = async () =>
      (
        await engine.rows<{ name: string }>(
          "SELECT relname AS name FROM pg_class WHERE relname ~ '^shipment_events_[0-9]{6}$' ORDER BY 1"
        )
      ).map((row) => row.name)
    expect(await made()).toHaveLength(defaultLimits.partitionMonthsBack + 1 + defaultLimits.partitionMonthsAhead)
    const [again] = await engine.rows<{ made: boolean }>("SELECT ensure_month('shipment_events', now()::date) AS made")
    expect(again?.made).toBe(false)
    const slept = await startEngine()
    try {
      const [month] = await slept.rows<{ name: string }>(
        "SELECT 'shipment_events_' || to_char(now(), 'YYYYMM') AS name"
      )
      await slept.rows(`DROP TABLE ${month?.name}`)
      await confirmedOrder(slept)
      const events = await slept.rows(`SELECT 1 FROM ${month?.name}`)
      expect(events.length).toBeGreaterThan(0)
      expect(await foldProblems(slept.databaseUrl)).toEqual([])
    } finally {
      await slept.drop()
    }
  })
})
