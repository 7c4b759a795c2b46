import { randomUUID } from "node:crypto"
import pg from "pg"
import { afterAll, beforeAll, expect, it } from "vitest"
import { SeededRandom } from "../../../src/domain/simulation/SeededRandom.ts"
import type { TaskAction } from "../../../src/domain/TaskAction.ts"
import { CrashingProcessor, crashPoints } from "../../kit/CrashingProcessor.ts"
import { askPayment, pay, sweepPayments } from "../../kit/PaidOrder.ts"
import { newOrder, newProduct } from "../../kit/PlacedOrder.ts"
import { promiseSeed } from "../../kit/PromiseSize.ts"
import { adminToken, call } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"
import { type FreshDatabase, freshDatabase } from "../../kit/TestServices.ts"
import { TrackedOrders } from "../../kit/TrackedOrders.ts"
import { until } from "../../kit/Until.ts"

const stock = 1_000
const orderCount = 12
const rounds = 30
const atOnce = 4

let database: FreshDatabase
let owner: pg.Pool
let processor: CrashingProcessor
let rest: RestServer
let tracked: TrackedOrders
let admin: string

beforeAll(async () => {
  database = await freshDatabase()
  processor = new CrashingProcessor()
  rest = await startRest({
    databaseUrl: database.url,
    processors: processor.processors,
    limits: { paymentCallMs: 600_000, paymentInquiryMs: 1 }
  })
  tracked = await TrackedOrders.open(database.url)
  owner = new pg.Pool({ connectionString: database.url, max: 4 })
  admin = await adminToken(rest.url)
}, 60_000)
afterAll(async () => {
  await tracked.close()
  await rest.stop()
  await owner.end()
  await database.drop()
})

const way: ReadonlyArray<TaskAction> = ["en_route_to_pickup", "at_pickup", "picked_up", "en_route", "arrived"]

/** Takes an order's parcel to its end, if it is at the beginning of its way; refusals are part of the history. */
const carry = async (orderId: string, end: ReadonlyArray<TaskAction>): Promise<void> => {
  const { rows } = await owner.query<{ id: string }>("SELECT id FROM shipments WHERE order_id = $1", [orderId.slice(4)])
  if (rows[0] === undefined) return
  const order = { orderId: orderId.slice(4), shipmentId: rows[0].id }
  await tracked
    .assign(order, await tracked.driver())
    .then(() => tracked.report(order, ...way, ...end))
    .catch(() => undefined)
}

type Action = (orderId: string, random: SeededRandom) => Promise<unknown>

const actions: ReadonlyArray<Action> = [
  (id) => pay(rest.url, admin, id, "tok", randomUUID()),
  (id) => pay(rest.url, admin, id, "tok", randomUUID()),
  (id) => askPayment(rest.url, admin, id, "payment/capture", {}, randomUUID()),
  (id) => askPayment(rest.url, admin, id, "payment/void", {}, randomUUID()),
  (id, random) =>
    askPayment(
      rest.url,
      admin,
      id,
      "refunds",
      { amount: { amount: 1 + random.below(900), currency: "EUR" } },
      randomUUID()
    ),
  (id) => call(rest.url, "POST", `/v1/orders/${id}/cancel`, { token: admin, body: {} }),
  (id) => carry(id, ["delivered"]),
  (id) => carry(id, ["failed", "returned"]),
  () => sweepPayments(rest)
]

const endClaims = () =>
  owner.query("UPDATE payment_operations SET claimed_until = now(), due_at = now() WHERE outcome IS NULL")

interface Line {
  readonly id: string
  readonly status: string
  readonly order: string
  readonly settled: number
  readonly refunded: number
}

const lines = async (): Promise<ReadonlyArray<Line>> =>
  (
    await owner.query<Line>(
      `SELECT p.id, p.status, o.status AS order, (p.settled_amount * 100)::int AS settled, (p.refunded_amount * 100)::int AS refunded
       FROM payments p JOIN orders o ON o.id = p.order_id`
    )
  ).rows

const stockLeft = async (productId: string): Promise<number> =>
  (
    await owner.query<{ n: number }>(
      `SELECT stock + coalesce((SELECT sum(i.quantity) FROM order_items i JOIN orders o ON o.id = i.order_id
         WHERE i.product_id = p.id AND o.status NOT IN ('draft', 'cancelled')), 0)::int AS n
       FROM products p WHERE id = $1`,
      [productId.slice(4)]
    )
  ).rows[0]?.n ?? 0

const movedFor = (paymentId: string, operation: string): number =>
  processor.moved
    .filter((each) => each.ref.includes(paymentId) && each.operation === operation)
    .reduce((sum, each) => sum + each.amount, 0)

it("stock and money are conserved over random histories with crashes", { timeout: 240_000 }, async () => {
  const seed = promiseSeed()
  process.stdout.write(`stock and money: seed ${seed}\n`)
  const random = new SeededRandom(seed)
  const productId = await newProduct(rest.url, admin, stock, 450)
  const orders: Array<string> = []
  for (let n = 0; n < orderCount; n++) {
    const items = [{ product_id: productId, quantity: 1 + random.below(3) }]
    orders.push((await newOrder(rest.url, admin, productId, { items })).id)
  }
  for (let round = 0; round < rounds; round++) {
    const point = crashPoints[random.below(crashPoints.length)]
    if (point !== undefined && random.chance(0.3)) processor.crashes.add(point)
    const steps = Array.from({ length: atOnce }, async () => {
      const action = actions[random.below(actions.length)]
      await action?.(orders[random.below(orders.length)] ?? "", random)
    })
    const all = Promise.all(steps).then(() => true)
    // Whoever meets a crash point answers nothing: the round goes on without them once somebody has met it.
    let isDone = false
    void all.then(() => {
      isDone = true
    })
    await until(
      `round ${round} of seed ${seed} is over`,
      async () => isDone || processor.heldCount > 0,
      (isOver) => isOver,
      60_000
    )
    if (random.chance(0.5)) {
      await endClaims()
      if (random.chance(0.5)) processor.release()
    }
    expect([seed, await stockLeft(productId)]).toEqual([seed, stock])
    for (const line of await lines()) expect([seed, line.refunded <= line.settled]).toEqual([seed, true])
  }
  processor.crashes.clear()
  processor.release()
  await until(
    `everything of seed ${seed} is carried out`,
    async () => {
      await endClaims()
      await sweepPayments(rest)
      const open = await owner.query<{ n: number }>(
        `SELECT (SELECT count(*) FROM payment_operations WHERE outcome IS NULL)::int
           + (SELECT count(*) FROM payments WHERE follow_at IS NOT NULL)::int AS n`
      )
      return open.rows[0]?.n ?? -1
    },
    (open) => open === 0,
    60_000
  )
  expect([seed, await stockLeft(productId)]).toEqual([seed, stock])
  for (const { id, status, order, settled, refunded } of await lines()) {
    const about = { seed, id, status, order }
    expect({ ...about, settled, refunded }).toEqual({
      ...about,
      settled: movedFor(id, "capture"),
      refunded: movedFor(id, "refund")
    })
    const open = movedFor(id, "authorize") - movedFor(id, "void") - movedFor(id, "capture")
    if (status !== "authorized") expect({ ...about, open }).toEqual({ ...about, open: 0 })
    if (order === "cancelled")
      expect({ ...about, kept: settled - refunded, open }).toEqual({ ...about, kept: 0, open: 0 })
  }
  expect(processor.moved.length).toBeGreaterThan(0)
})
