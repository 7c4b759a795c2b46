import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import { Redis } from "ioredis"
import pg from "pg"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type EventConsumer, EventNotHandled } from "../../src/jobs/EventConsumer.ts"
import type { ConsumedEvent } from "../../src/persistence/outbox/EventPositionRepo.ts"
import { assignTo, confirmedOrder } from "../kit/EngineOrders.ts"
import { type EngineUnderTest, startEngine } from "../kit/EngineUnderTest.ts"
import { until } from "../kit/Until.ts"

/** What a test has of the events that it was given, and how often it refuses which. */
class Witness implements EventConsumer {
  readonly name: string
  readonly types = ["order.drafted", "shipment.created", "shipment.dispatching", "shipment.assigned"] as const
  readonly had: Array<ConsumedEvent> = []
  refusals = new Map<string, number>()

  constructor(name: string) {
    this.name = name
  }

  readonly handle = (event: ConsumedEvent) =>
    Effect.suspend(() => {
      const left = this.refusals.get(event.order_id) ?? 0
      if (left > 0 && event.type === "shipment.dispatching") {
        this.refusals.set(event.order_id, left - 1)
        return Effect.fail(new EventNotHandled({ message: `${left} refusals left` }))
      }
      this.had.push(event)
      return Effect.void
    })

  of(orderId: string): ReadonlyArray<string> {
    return this.had.filter((event) => event.order_id === orderId).map(({ event_no, type }) => `${event_no} ${type}`)
  }
}

const witness = new Witness("witness")
const neighbour = new Witness("neighbour")
let engine: EngineUnderTest

beforeAll(async () => {
  engine = await startEngine({
    consumers: [witness, neighbour],
    limits: { dailySummaryDelayMs: 50, jobBackoffMs: 20, outboxRetellMs: 500, outboxPollMs: 200, outboxWatchMs: 100 }
  })
}, 60_000)

afterAll(() => engine.drop())

interface Standing {
  readonly event_no: number
  readonly published_no: number | null
  readonly settled: boolean
}

const standing = (orderId: string): Promise<Array<Standing>> =>
  engine.rows<Standing>(
    `SELECT event_no::integer AS event_no, published_no::integer AS published_no, settled_at IS NOT NULL AS settled
     FROM outbox WHERE order_id = $1 ORDER BY event_no`,
    [orderId]
  )

const settled = (orderId: string, events: number): Promise<Array<Standing>> =>
  until(
    "every event is settled",
    () => standing(orderId),
    (rows) => rows.length === events && rows.every((row) => row.settled),
    20_000
  )

const whole = ["1 order.drafted", "4 shipment.created", "5 shipment.dispatching"]

describe("events on their way outwards", () => {
  it("are numbered in each order's own order, without holes, and given to each consumer once", async () => {
    const orders = await Promise.all(Array.from({ length: 8 }, () => confirmedOrder(engine)))
    for (const { orderId } of orders) {
      const numbers = (await settled(orderId, 5)).map((row) => row.published_no ?? 0)
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
      expect(witness.of(orderId)).toEqual(whole)
      expect(neighbour.of(orderId)).toEqual(whole)
    }
    const all = await engine.rows<{ no: number }>(
      "SELECT published_no::integer AS no FROM outbox WHERE published_no IS NOT NULL ORDER BY 1"
    )
    expect(all.map(({ no }) => no)).toEqual(all.map((_, index) => index + 1))
  })

  it("have the day's summary made anew", async () => {
    await confirmedOrder(engine)
    await until(
      "a summary that counts every order",
      async () => {
        const [row] = await engine.rows<{ counted: string; placed: string }>(
          "SELECT coalesce(sum(orders_placed), 0) AS counted, (SELECT count(*) FROM orders) AS placed FROM daily_dispatch_summary"
        )
        return row
      },
      (row) => row?.counted === row?.placed,
      20_000
    )
  })

  it("are told again when Redis has lost them, and had once", async () => {
    const redis = new Redis(engine.redisUrl)
    try {
      const orders = await Promise.all(
        Array.from({ length: 5 }, async () => {
          const order = await confirmedOrder(engine)
          await redis.flushdb()
          return order
        })
      )
      for (const { orderId } of orders) {
        await settled(orderId, 5)
        expect(witness.of(orderId)).toEqual(whole)
      }
    } finally {
      redis.disconnect()
    }
  })

  it("are tried again when a consumer fails, while the others have them; the row says what happened", async () => {
    const driver = await engine.driver()
    const { orderId, shipmentId } = await confirmedOrder(engine)
    await settled(orderId, 5)
    // Set back by one: as if the fifth had never been had.
    witness.refusals.set(orderId, 2)
    await engine.rows("UPDATE event_positions SET event_no = 4 WHERE order_id = $1 AND consumer = 'witness'", [orderId])
    await assignTo(engine, shipmentId, driver.driverId)
    await settled(orderId, 6)
    expect(witness.of(orderId)).toEqual([...whole, "5 shipment.dispatching", "6 shipment.assigned"])
    expect(neighbour.of(orderId)).toEqual([...whole, "6 shipment.assigned"])
    const jobs = await until(
      "the job's end",
      () =>
        engine.rows("SELECT queue, name, status, retries, last_error FROM background_jobs WHERE order_id = $1", [
          orderId
        ]),
      (rows) => rows[0]?.status === "succeeded"
    )
    expect(jobs).toEqual([
      { queue: "events", name: "event", status: "succeeded", retries: 2, last_error: "witness: 1 refusals left" }
    ])
  })

  it("are set aside after the last attempt, with the reason, and hold up nobody else", async () => {
    const driver = await engine.driver()
    const { orderId, shipmentId } = await confirmedOrder(engine)
    await settled(orderId, 5)
    witness.refusals.set(orderId, 1_000)
    await engine.rows("UPDATE event_positions SET event_no = 4 WHERE order_id = $1 AND consumer = 'witness'", [orderId])
    await assignTo(engine, shipmentId, driver.driverId)
    await settled(orderId, 6)
    expect(neighbour.of(orderId)).toContain("6 shipment.assigned")
    expect(witness.of(orderId)).toEqual(whole)
    const [job] = await engine.rows<{ status: string; retries: number; last_error: string; job_id: string }>(
      "SELECT status, retries, last_error, job_id FROM background_jobs WHERE order_id = $1",
      [orderId]
    )
    expect(job).toMatchObject({
      status: "dead",
      retries: 5,
      last_error: expect.stringMatching(/^witness: \d+ refusals/)
    })
    // Once it is mended, the operator has it told again.
    witness.refusals.delete(orderId)
    await engine.rows("UPDATE outbox SET settled_at = NULL, relayed_at = NULL WHERE event_id = $1", [job?.job_id])
    await settled(orderId, 6)
    expect(witness.of(orderId)).toEqual([...whole, "5 shipment.dispatching", "6 shipment.assigned"])
    expect((await engine.rows("SELECT status FROM background_jobs WHERE order_id = $1", [orderId]))[0]?.status).toBe(
      "succeeded"
    )
  })

  it("may be told in any order, and often", async () => {
    const { orderId } = await confirmedOrder(engine)
    await settled(orderId, 5)
    const before = witness.of(orderId)
    await engine.rows("DELETE FROM event_positions WHERE order_id = $1 AND consumer = 'neighbour'", [orderId])
    neighbour.had.length = 0
    for (const order of [5, 1, 4, 2, 3, 5, 1]) {
      await engine.rows(
        "UPDATE outbox SET settled_at = NULL, relayed_at = NULL WHERE order_id = $1 AND event_no = $2",
        [orderId, order]
      )
    }
    await settled(orderId, 5)
    expect(neighbour.of(orderId)).toEqual(whole)
    expect(witness.of(orderId)).toEqual(before)
  })
})

describe("the numbers of the public log", () => {
  const withClients = async (run: (clients: ReadonlyArray<pg.Client>) => Promise<void>): Promise<void> => {
    const clients = Array.from({ length: 3 }, () => new pg.Client({ connectionString: engine.databaseUrl }))
    await Promise.all(clients.map((client) => client.connect()))
    try {
      await run(clients)
    } finally {
      await Promise.all(clients.map((client) => client.end()))
    }
  }
  const append = (client: pg.Client, orderId: string) =>
    client.query(
      `WITH o AS (UPDATE orders SET last_event_no = last_event_no + 1 WHERE id = $1 RETURNING last_event_no)
       INSERT INTO shipment_events (id, order_id, event_no, type, occurred_at, actor_kind, cause)
       SELECT $2, $1, last_event_no, 'order.submitted', now(), 'system', 'test' FROM o`,
      [orderId, randomUUID()]
    )
  const numberOf = async (orderId: string, eventNo: number): Promise<number> =>
    (await standing(orderId)).find((row) => row.event_no === eventNo)?.published_no ?? 0

  it("come later for what is committed later, though it was written first", async () => {
    const [first, second] = await Promise.all([confirmedOrder(engine), confirmedOrder(engine)])
    await withClients(async ([slow, quick]) => {
      if (slow === undefined || quick === undefined) throw new Error("two clients")
      await slow.query("BEGIN")
      await append(slow, first.orderId)
      await append(quick, second.orderId)
      await until(
        "the quick one's number",
        () => numberOf(second.orderId, 6),
        (no) => no > 0
      )
      await slow.query("COMMIT")
      await until(
        "the slow one's number",
        () => numberOf(first.orderId, 6),
        (no) => no > 0
      )
      expect(await numberOf(first.orderId, 6)).toBeGreaterThan(await numberOf(second.orderId, 6))
    })
  })

  it("have no hole and no double, whoever else gives them", async () => {
    const orders = await Promise.all(Array.from({ length: 4 }, () => confirmedOrder(engine)))
    await withClients(async ([a, b, writer]) => {
      for (let round = 0; round < 15; round++) {
        const written = async () => {
          for (const { orderId } of orders) await append(writer as pg.Client, orderId)
        }
        await Promise.all([written(), a?.query("SELECT publish_events(3)"), b?.query("SELECT publish_events(2)")])
      }
    })
    for (const { orderId } of orders) {
      const numbers = (await settled(orderId, 20)).map((row) => row.published_no ?? 0)
      expect(numbers).toEqual(numbers.toSorted((x, y) => x - y))
    }
    const [log] = await engine.rows(
      `SELECT (SELECT published_no::integer FROM event_logs WHERE name = 'events') AS head, count(*)::integer AS rows,
         max(published_no)::integer AS last, (SELECT count(*)::integer FROM shipment_events) AS events FROM outbox`
    )
    expect(log).toMatchObject({ head: log?.rows, last: log?.rows, events: log?.rows })
  })

  it("are trimmed from the beginning, after their time, up to the first that somebody waits for", async () => {
    const { orderId } = await confirmedOrder(engine)
    await settled(orderId, 5)
    const [third] = (await standing(orderId)).slice(2)
    await withClients(async ([client]) => {
      const trimmed = async () => {
        await client?.query("BEGIN")
        await client?.query("UPDATE outbox SET settled_at = NULL WHERE published_no = $1", [third?.published_no])
        const gone = await client?.query("SELECT trim_events(now() + interval '1 hour', 100000) AS gone")
        const left = await client?.query(
          "SELECT min(published_no)::integer AS first, (SELECT trimmed_no::integer FROM event_logs WHERE name = 'events') AS trimmed FROM outbox"
        )
        await client?.query("ROLLBACK")
        return { gone: gone?.rows[0]?.gone, ...left?.rows[0] }
      }
      const before = (third?.published_no ?? 0) - 1
      expect(await trimmed()).toEqual({ gone: before, first: third?.published_no, trimmed: before })
      const none = await client?.query("SELECT trim_events(now() - interval '1 hour', 100000) AS gone")
      expect(none?.rows[0]?.gone).toBe(0)
    })
  })
})
