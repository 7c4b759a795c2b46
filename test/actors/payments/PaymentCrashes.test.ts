import { randomUUID } from "node:crypto"
import pg from "pg"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { CrashingProcessor, type CrashPoint, crashPoints } from "../../kit/CrashingProcessor.ts"
import { askPayment, pay, paymentOf, sweepPayments } from "../../kit/PaidOrder.ts"
import { newOrder, newProduct } from "../../kit/PlacedOrder.ts"
import { adminToken } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"
import { type FreshDatabase, freshDatabase } from "../../kit/TestServices.ts"
import { until } from "../../kit/Until.ts"

// A node that dies keeps its claim until that ends; here the owner ends it, so that no test waits for the clock.
let database: FreshDatabase
let owner: pg.Client
let processor: CrashingProcessor
let dying: RestServer
let healthy: RestServer
let admin: string
let productId: string

beforeAll(async () => {
  database = await freshDatabase()
  processor = new CrashingProcessor()
  const options = {
    databaseUrl: database.url,
    processors: processor.processors,
    // Whoever is held at a crash point is held longer than its request.
    limits: { paymentCallMs: 600_000, paymentInquiryMs: 1 }
  }
  dying = await startRest(options)
  healthy = await startRest(options)
  owner = new pg.Client({ connectionString: database.url })
  await owner.connect()
  admin = await adminToken(healthy.url)
  productId = await newProduct(healthy.url, admin, 10_000)
}, 60_000)
beforeEach(() => {
  processor.crashes.clear()
})
afterAll(async () => {
  await owner.end()
  await dying.stop()
  await healthy.stop()
  await database.drop()
})

const placed = async () => (await newOrder(healthy.url, admin, productId)).id
const endClaims = () =>
  owner.query("UPDATE payment_operations SET claimed_until = now(), due_at = now() WHERE outcome IS NULL")

const heldAt = async (point: CrashPoint, request: () => Promise<unknown>): Promise<void> => {
  processor.crashes.add(point)
  void request().catch(() => undefined)
  await until(
    `the node ends ${point}`,
    async () => processor.crashes.has(point),
    (isWaiting) => !isWaiting
  )
}

const movedFor = async (orderId: string): Promise<ReadonlyArray<string>> => {
  const { rows } = await owner.query<{ id: string }>("SELECT id FROM payments WHERE order_id = $1", [orderId.slice(4)])
  return processor.moved.filter((each) => each.ref.includes(rows[0]?.id ?? "none")).map((each) => each.operation)
}

describe("a crash", () => {
  it("after any step leaves one authorization and one answer", async () => {
    for (const point of crashPoints.filter((each) => !each.endsWith("inquire"))) {
      const order = await placed()
      const key = randomUUID()
      await heldAt(point, () => pay(dying.url, admin, order, "tok", key))
      const early = await pay(healthy.url, admin, order, "tok", key)
      expect([point, early.status, early.body.code]).toEqual([point, 409, "idempotency_in_flight"])
      await endClaims()
      const again = await pay(healthy.url, admin, order, "tok", key)
      expect([point, again.status, again.body.status]).toEqual([point, 201, "authorized"])
      expect((await pay(healthy.url, admin, order, "tok", key)).text).toBe(again.text)
      expect((await pay(healthy.url, admin, order, "other", key)).body.code).toBe("idempotency_key_reused")
      expect([point, await movedFor(order)]).toEqual([point, ["authorize"]])
    }
  })

  it("also in the middle of finding out about the one before", async () => {
    for (const point of ["before inquire", "after inquire"] as const) {
      const order = await placed()
      const key = randomUUID()
      await heldAt("after ask", () => pay(dying.url, admin, order, "tok", key))
      await endClaims()
      await heldAt(point, () => pay(dying.url, admin, order, "tok", key))
      await endClaims()
      expect((await pay(healthy.url, admin, order, "tok", key)).body.status).toBe("authorized")
      expect(await movedFor(order)).toEqual(["authorize"])
    }
  })

  it("that nobody comes back from is found out by the sweep", async () => {
    const asked = await placed()
    await heldAt("after ask", () => pay(dying.url, admin, asked))
    await endClaims()
    await sweepPayments(healthy)
    expect((await paymentOf(healthy.url, admin, asked)).status).toBe("authorized")
    const never = await placed()
    await heldAt("before open", () => pay(dying.url, admin, never))
    await endClaims()
    await sweepPayments(healthy)
    expect(await paymentOf(healthy.url, admin, never)).toMatchObject({ status: "failed", failure_code: "abandoned" })
    expect(await movedFor(never)).toEqual([])
    expect((await pay(healthy.url, admin, never)).body.status).toBe("authorized")
  })

  it("leaves one capture and one refund", async () => {
    for (const point of ["before ask", "after ask"] as const) {
      const order = await placed()
      await pay(healthy.url, admin, order)
      const capture = randomUUID()
      await heldAt(point, () => askPayment(dying.url, admin, order, "payment/capture", {}, capture))
      await endClaims()
      const captured = await askPayment(healthy.url, admin, order, "payment/capture", {}, capture)
      expect([point, captured.body.status]).toEqual([point, "settled"])
      const refund = randomUUID()
      const part = { amount: { amount: 100, currency: "EUR" } }
      await heldAt(point, () => askPayment(dying.url, admin, order, "refunds", part, refund))
      await endClaims()
      const refunded = await askPayment(healthy.url, admin, order, "refunds", part, refund)
      expect([point, refunded.status, refunded.body.status]).toEqual([point, 201, "succeeded"])
      expect((await askPayment(healthy.url, admin, order, "refunds", part, refund)).text).toBe(refunded.text)
      expect(await movedFor(order)).toEqual(["authorize", "capture", "refund"])
      expect((await paymentOf(healthy.url, admin, order)).refunded.amount).toBe(100)
    }
  })

  it("of a node that was only slow does not let its late answer in, and answers what the other one did", async () => {
    for (const point of ["before ask", "after ask"] as const) {
      const order = await placed()
      const key = randomUUID()
      const late: Array<Awaited<ReturnType<typeof pay>>> = []
      await heldAt(point, async () => void late.push(await pay(dying.url, admin, order, "tok", key)))
      await endClaims()
      const answered = await pay(healthy.url, admin, order, "tok", key)
      processor.release()
      await until(
        "the slow node answers",
        async () => late.length,
        (answers) => answers > 0
      )
      expect([late[0]?.status, late[0]?.text]).toEqual([201, answered.text])
      const { rows } = await owner.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM payment_attempts a JOIN payments p ON p.id = a.payment_id WHERE p.order_id = $1`,
        [order.slice(4)]
      )
      expect(rows[0]?.n).toBe(1)
      expect(await movedFor(order)).toEqual(["authorize"])
    }
  })
})
