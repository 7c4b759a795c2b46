import { Effect, Redacted } from "effect"
import { Redis } from "ioredis"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { assignTo, confirmedOrder } from "../kit/EngineOrders.ts"
import { type EngineUnderTest, startEngine } from "../kit/EngineUnderTest.ts"
import { until } from "../kit/Until.ts"

let engine: EngineUnderTest

beforeAll(async () => {
  engine = await startEngine({ limits: { dailySummaryDelayMs: 50 } })
}, 60_000)

afterAll(() => engine.drop())

describe("x", () => {
  it("y", async () => {
    await confirmedOrder(engine)
    await until("settled", () => engine.rows("SELECT * FROM outbox"), (rows) => rows.length > 0 && rows.every((row) => row.settled_at !== null))
    console.log(await engine.rows("SELECT * FROM outbox ORDER BY published_no"))
    console.log(await engine.rows("SELECT * FROM event_positions"), await engine.rows("SELECT * FROM background_jobs"))
    await until("summary", () => engine.rows("SELECT * FROM daily_dispatch_summary"), (rows) => rows.length > 0)
    console.log(await engine.rows("SELECT * FROM daily_dispatch_summary"))
  })
})
