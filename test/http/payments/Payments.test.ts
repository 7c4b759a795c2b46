import { randomUUID } from "node:crypto"
import pg from "pg"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { sandboxTokens } from "../../../src/processors/SandboxProcessor.ts"
import { askPayment, pay, paymentOf, settledOrder, sweepPayments, sweptUntil } from "../../kit/PaidOrder.ts"
import { newOrder, newProduct, type PlacedOrder } from "../../kit/PlacedOrder.ts"
import { adminToken, call, newCustomer } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"

let rest: RestServer
let admin: string
let customer: string
let productId: string
let owner: pg.Client

beforeAll(async () => {
  rest = await startRest({ limits: { sandboxSlowMs: 20, paymentInquiryMs: 1 } })
  admin = await adminToken(rest.url)
  customer = (await newCustomer(rest.url)).access_token
  productId = await newProduct(rest.url, admin, 10_000)
  owner = new pg.Client({ connectionString: rest.databaseUrl })
  await owner.connect()
})
afterAll(async () => {
  await owner.end()
  await rest.stop()
})

const bare = (id: string): string => id.slice(4)
const placed = () => newOrder(rest.url, customer, productId)
const orderOf = async (id: string): Promise<PlacedOrder> =>
  (await call<PlacedOrder>(rest.url, "GET", `/v1/orders/${id}`, { token: admin })).body
const setting = (key: string, value: string) =>
  owner.query("UPDATE system_settings SET value = to_jsonb($2::text) WHERE key = $1", [key, value])

const eventsOf = async (orderId: string): Promise<ReadonlyArray<string>> =>
  (
    await owner.query<{ type: string }>(
      "SELECT type FROM shipment_events WHERE order_id = $1 AND type LIKE 'payment.%' ORDER BY event_no",
      [bare(orderId)]
    )
  ).rows.map((row) => row.type)

const attemptsOf = async (orderId: string): Promise<ReadonlyArray<string>> =>
  (
    await owner.query<{ said: string }>(
      `SELECT a.operation || ' ' || a.outcome || coalesce(' ' || a.error_code, '') AS said
       FROM payment_attempts a JOIN payments p ON p.id = a.payment_id WHERE p.order_id = $1 ORDER BY attempt_no`,
      [bare(orderId)]
    )
  ).rows.map((row) => row.said)

/** The same as staff are told it, page by page. */
const toldAttemptsOf = async (orderId: string): Promise<ReadonlyArray<string>> => {
  const said: Array<string> = []
  for (let cursor = ""; ; ) {
    const page = await call<{
      readonly data: ReadonlyArray<{
        readonly number: number
        readonly operation: string
        readonly failure_code: string
      }>
      readonly next_cursor: string | null
    }>(rest.url, "GET", `/v1/orders/${orderId}/payment/attempts?limit=1${cursor}`, { token: admin })
    said.push(...page.body.data.map((each) => `${each.number} ${each.operation} ${each.failure_code}`))
    if (page.body.next_cursor === null) return said
    cursor = `&cursor=${page.body.next_cursor}`
  }
}

describe("paying", () => {
  it("authorizes the total, and confirms a submitted order", async () => {
    const order = await placed()
    const paid = await pay(rest.url, customer, order.id)
    expect(paid.status).toBe(201)
    expect(paid.body).toMatchObject({ status: "authorized", amount: { amount: 1250, currency: "EUR" } })
    expect(await orderOf(order.id)).toMatchObject({
      status: "confirmed",
      shipment_id: expect.stringMatching(/^shp_/)
    })
    expect(await eventsOf(order.id)).toEqual(["payment.authorized"])
  })

  // What each token does at the authorization, told again and apart from the table.
  const declined = {
    tok_declined: "card_declined",
    tok_insufficient_funds: "insufficient_funds",
    tok_expired_card: "expired_card",
    tok_requires_action: "authentication_required",
    tok_error: "processing_error"
  }

  it("that is declined says why, leaves the order as it was, and can be tried again", async () => {
    for (const [token, code] of Object.entries(declined)) {
      const order = await placed()
      const refused = await pay(rest.url, customer, order.id, token)
      expect(await toldAttemptsOf(order.id)).toEqual([`1 authorize ${code}`])
      expect([refused.status, refused.body.status, refused.body.failure_code]).toEqual([201, "failed", code])
      expect((await orderOf(order.id)).status).toBe("submitted")
      expect((await pay(rest.url, customer, order.id)).body).toMatchObject({ status: "authorized", failure_code: null })
      expect(await eventsOf(order.id)).toEqual(["payment.failed", "payment.authorized"])
    }
  })

  it("without an answer is pending until the inquiry knows", async () => {
    const order = await placed()
    expect((await pay(rest.url, customer, order.id, "tok_timeout")).body.status).toBe("pending")
    expect((await orderOf(order.id)).status).toBe("submitted")
    await sweptUntil(rest, admin, order.id, "authorized")
    expect((await orderOf(order.id)).status).toBe("confirmed")
    expect(await attemptsOf(order.id)).toEqual(["authorize unknown processor_timeout", "inquire succeeded"])
    const lost = await placed()
    expect((await pay(rest.url, customer, lost.id, "tok_lost")).body.status).toBe("pending")
    expect(await sweptUntil(rest, admin, lost.id, "failed")).toMatchObject({ failure_code: "not_received" })
  })

  it("again, after an answer that did not come, finds out what became of the first and charges once", async () => {
    const order = await placed()
    await pay(rest.url, customer, order.id, "tok_timeout")
    const again = await pay(rest.url, customer, order.id, "tok_ok")
    expect([again.status, again.body.status]).toEqual([201, "authorized"])
    expect(await attemptsOf(order.id)).toEqual(["authorize unknown processor_timeout", "inquire succeeded"])
  })

  it("slowly works, and so does every token that authorizes", async () => {
    for (const token of Object.keys(sandboxTokens)) {
      if (token in declined || token === "tok_timeout" || token === "tok_lost") continue
      expect((await pay(rest.url, customer, (await placed()).id, token)).body.status).toBe("authorized")
    }
  })

  it("refuses what no token is, a method this server has not, and an order that cannot be paid", async () => {
    const order = await placed()
    const unknown = await pay(rest.url, customer, order.id, "tok_nonsense")
    expect([unknown.status, unknown.body.errors?.[0]?.pointer]).toEqual([422, "/token"])
    const stripe = await askPayment(rest.url, customer, order.id, "payment", { method: "stripe", token: "pm_1" })
    expect([stripe.status, stripe.body.errors?.[0]]).toEqual([
      422,
      {
        pointer: "/method",
        code: "invalid_value",
        detail: "is not available: this server has no STRIPE_SECRET_KEY"
      }
    ])
    expect(await attemptsOf(order.id)).toEqual([])
    const draft = await newOrder(rest.url, customer, productId, { submit: false })
    const early = await pay(rest.url, customer, draft.id)
    expect([early.status, early.body.code]).toEqual([409, "illegal_transition"])
    const none = await call(rest.url, "GET", `/v1/orders/${order.id}/payment`, { token: customer })
    expect(none.status).toBe(404)
  })

  it("a stranger's order is not there, and customers manage nothing", async () => {
    const order = await placed()
    const stranger = (await newCustomer(rest.url)).access_token
    await pay(rest.url, customer, order.id)
    for (const [method, path] of [
      ["POST", "payment"],
      ["GET", "payment"],
      ["GET", "refunds"]
    ] as const) {
      const answer = await call(rest.url, method, `/v1/orders/${order.id}/${path}`, {
        token: stranger,
        ...(method === "POST" ? { body: { method: "sandbox", token: "tok_ok" } } : {})
      })
      expect([path, answer.status]).toEqual([path, 404])
    }
    for (const what of ["payment/capture", "payment/void", "refunds"])
      expect((await askPayment(rest.url, customer, order.id, what)).status).toBeGreaterThanOrEqual(403)
    expect((await paymentOf(rest.url, customer, order.id)).status).toBe("authorized")
  })

  it("with one key a hundred times at once is one authorization with one answer", async () => {
    const order = await placed()
    const key = randomUUID()
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => pay(rest.url, customer, order.id, "tok_slow", key))
    )
    const done = answers.filter((answer) => answer.status === 201)
    expect(answers.filter((answer) => answer.status === 409).length + done.length).toBe(100)
    expect(new Set(done.map((answer) => answer.text)).size).toBe(1)
    expect((await pay(rest.url, customer, order.id, "tok_slow", key)).text).toBe(done[0]?.text)
    expect((await pay(rest.url, customer, order.id, "tok_ok", key)).body.code).toBe("idempotency_key_reused")
    expect(await attemptsOf(order.id)).toEqual(["authorize succeeded"])
  })

  it("with many keys at once is one authorization", async () => {
    const order = await placed()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => pay(rest.url, customer, order.id, "tok_slow", randomUUID()))
    )
    for (const answer of answers) expect([201, 409]).toContain(answer.status)
    expect(await attemptsOf(order.id)).toEqual(["authorize succeeded"])
  })

  it("keeps no token: neither in a row nor in the log", async () => {
    const order = await placed()
    await pay(rest.url, customer, order.id, "tok_ok", randomUUID())
    const { rows } = await owner.query<{ said: string }>(
      `SELECT e.data::text AS said FROM shipment_events e WHERE order_id = $1
       UNION ALL SELECT convert_from(response_body, 'UTF8') FROM idempotency_keys WHERE response_body IS NOT NULL`,
      [bare(order.id)]
    )
    expect(rows.length).toBeGreaterThan(0)
    for (const { said } of rows) expect(said).not.toContain("tok_")
  })
})

describe("taking and giving up", () => {
  it("captures what was authorized, once", async () => {
    const order = await placed()
    await pay(rest.url, customer, order.id)
    const captured = await askPayment(rest.url, admin, order.id, "payment/capture")
    expect(captured.body).toMatchObject({ status: "settled", settled: { amount: 1250 } })
    expect((await askPayment(rest.url, admin, order.id, "payment/capture")).status).toBe(200)
    expect((await askPayment(rest.url, admin, order.id, "payment/void")).body.code).toBe("illegal_transition")
    expect(await attemptsOf(order.id)).toEqual(["authorize succeeded", "capture succeeded"])
  })

  it("a capture that is declined fails the payment, and it can be paid again", async () => {
    const order = await placed()
    await pay(rest.url, customer, order.id, "tok_capture_fails")
    const captured = await askPayment(rest.url, admin, order.id, "payment/capture")
    expect(captured.body).toMatchObject({ status: "failed", failure_code: "authorization_expired" })
    expect((await pay(rest.url, customer, order.id)).body.status).toBe("authorized")
  })

  it("unanswered captures, voids and refunds are found out", async () => {
    const captured = await placed()
    await pay(rest.url, customer, captured.id, "tok_capture_timeout")
    expect((await askPayment(rest.url, admin, captured.id, "payment/capture")).body.status).toBe("authorized")
    await sweptUntil(rest, admin, captured.id, "settled")
    const voided = await placed()
    await pay(rest.url, customer, voided.id, "tok_void_timeout")
    expect((await askPayment(rest.url, admin, voided.id, "payment/void")).body.status).toBe("authorized")
    expect(await sweptUntil(rest, admin, voided.id, "failed")).toMatchObject({ failure_code: "voided" })
    const refunded = await settledOrder(rest, admin, 1000, "tok_refund_timeout")
    expect((await askPayment(rest.url, admin, refunded, "refunds")).body.status).toBe("pending")
    expect(await sweptUntil(rest, admin, refunded, "refunded")).toMatchObject({ refunded: { amount: 1000 } })
  })

  it("as the policy says: at once, on delivery, or by hand", async () => {
    await setting("payments.capture", "at_once")
    const order = await placed()
    await pay(rest.url, customer, order.id)
    await sweptUntil(rest, admin, order.id, "settled")
    await setting("payments.capture", "manual")
    const manual = await placed()
    await pay(rest.url, customer, manual.id)
    await sweepPayments(rest)
    await owner.query("UPDATE orders SET status = 'fulfilled', ended_at = now() WHERE id = $1", [bare(manual.id)])
    await sweepPayments(rest)
    await sweepPayments(rest)
    expect((await paymentOf(rest.url, admin, manual.id)).status).toBe("authorized")
    await setting("payments.capture", "on_delivery")
    const delivered = await placed()
    await pay(rest.url, customer, delivered.id)
    await owner.query("UPDATE orders SET status = 'fulfilled', ended_at = now() WHERE id = $1", [bare(delivered.id)])
    await sweptUntil(rest, admin, delivered.id, "settled")
  })
})

describe("giving back", () => {
  it("in parts, never more than was settled, and all of it makes it refunded", async () => {
    const order = await settledOrder(rest, admin)
    const part = (amount: number) =>
      askPayment(rest.url, admin, order, "refunds", { amount: { amount, currency: "EUR" }, reason: "scratched" })
    expect((await part(400)).body).toMatchObject({ status: "succeeded", amount: { amount: 400 } })
    expect(await part(601)).toMatchObject({ status: 409, body: { code: "refund_too_large" } })
    expect(await paymentOf(rest.url, admin, order)).toMatchObject({ status: "settled", refunded: { amount: 400 } })
    expect((await askPayment(rest.url, admin, order, "refunds")).body).toMatchObject({ amount: { amount: 600 } })
    expect(await paymentOf(rest.url, admin, order)).toMatchObject({ status: "refunded", refunded: { amount: 1000 } })
    expect((await part(1)).body.code).toBe("refund_too_large")
    const wrong = await askPayment(rest.url, admin, order, "refunds", { amount: { amount: 1, currency: "USD" } })
    expect([wrong.status, wrong.body.errors?.[0]?.pointer]).toEqual([422, "/amount/currency"])
    const none = await part(0)
    expect([none.status, none.body.errors?.[0]?.pointer]).toEqual([422, "/amount"])
    const list = await call<{ data: ReadonlyArray<{ reason: string | null }> }>(
      rest.url,
      "GET",
      `/v1/orders/${order}/refunds`,
      { token: admin }
    )
    expect(list.body.data.map((refund) => refund.reason)).toEqual(["scratched", null])
  })

  it("fifty at once never give back more than was settled", async () => {
    const order = await settledOrder(rest, admin)
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        askPayment(rest.url, admin, order, "refunds", { amount: { amount: 30, currency: "EUR" } })
      )
    )
    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(33)
    expect(new Set(answers.filter((each) => each.status !== 201).map((each) => each.body.code))).toEqual(
      new Set(["refund_too_large"])
    )
    expect((await paymentOf(rest.url, admin, order)).refunded.amount).toBe(990)
  })

  it("a refund that is refused can be asked for again", async () => {
    const order = await settledOrder(rest, admin, 1000, "tok_refund_fails")
    expect((await askPayment(rest.url, admin, order, "refunds")).body.status).toBe("failed")
    expect((await paymentOf(rest.url, admin, order)).refunded.amount).toBe(0)
    expect((await askPayment(rest.url, admin, order, "refunds")).status).toBe(201)
  })

  it("needs something that was settled", async () => {
    const order = await placed()
    await pay(rest.url, customer, order.id)
    expect(await askPayment(rest.url, admin, order.id, "refunds")).toMatchObject({
      status: 409,
      body: { code: "illegal_transition" }
    })
  })
})

describe("an order that is cancelled", () => {
  const cancel = (id: string) => call(rest.url, "POST", `/v1/orders/${id}/cancel`, { token: admin, body: {} })

  it("gives up what was authorized", async () => {
    const order = await placed()
    await pay(rest.url, customer, order.id)
    expect((await cancel(order.id)).status).toBe(200)
    expect(await sweptUntil(rest, admin, order.id, "failed")).toMatchObject({ failure_code: "voided" })
    expect((await eventsOf(order.id)).at(-1)).toBe("payment.voided")
  })

  it("gives back what was settled and is not given back yet", async () => {
    const order = await settledOrder(rest, admin)
    await askPayment(rest.url, admin, order, "refunds", { amount: { amount: 300, currency: "EUR" } })
    await cancel(order)
    await sweptUntil(rest, admin, order, "refunded")
    expect(await eventsOf(order)).toEqual([
      "payment.authorized",
      "payment.settled",
      "payment.refunded",
      "payment.refunded"
    ])
  })

  it("while its payment is not answered is not confirmed by it, and what is found out is given up", async () => {
    const order = await placed()
    await pay(rest.url, customer, order.id, "tok_timeout")
    await cancel(order.id)
    expect(await sweptUntil(rest, admin, order.id, "failed")).toMatchObject({ failure_code: "voided" })
    expect((await orderOf(order.id)).status).toBe("cancelled")
    expect((await pay(rest.url, customer, order.id)).body.code).toBe("illegal_transition")
  })
})
