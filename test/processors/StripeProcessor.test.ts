import { Redacted } from "effect"
import Stripe from "stripe"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { stripeAmount } from "../../src/processors/StripeProcessor.ts"
import { FakeStripe } from "../kit/FakeStripe.ts"
import { askPayment, paymentOf, sweepPayments, sweptUntil } from "../kit/PaidOrder.ts"
import { newOrder, newProduct } from "../kit/PlacedOrder.ts"
import { adminToken, call } from "../kit/RestCaller.ts"
import { type RestServer, startRest } from "../kit/RestServer.ts"

const webhookSecret = "whsec_of_the_tests"

let stripe: FakeStripe
let rest: RestServer
let admin: string
let productId: string

beforeAll(async () => {
  stripe = await FakeStripe.start()
  rest = await startRest({
    env: {
      stripeSecretKey: Redacted.make("sk_test_1"),
      stripeWebhookSecret: Redacted.make(webhookSecret),
      stripeApiUrl: stripe.url
    },
    limits: { paymentInquiryMs: 1 }
  })
  admin = await adminToken(rest.url)
  productId = await newProduct(rest.url, admin, 1_000)
})
afterAll(async () => {
  await rest.stop()
  await stripe.stop()
})

const placed = async (): Promise<string> => (await newOrder(rest.url, admin, productId)).id
const payBy = (orderId: string, token = "pm_card_visa") =>
  askPayment(rest.url, admin, orderId, "payment", { method: "stripe", token })
const newest = () => [...stripe.intents.values()].at(-1)
describe("Stripe", () => {
  it("authorizes a PaymentIntent with manual capture, then captures and refunds it", async () => {
    const order = await placed()
    const from = stripe.requests.length
    expect((await payBy(order)).body.status).toBe("authorized")
    expect(newest()).toMatchObject({
      amount: 1250,
      currency: "eur",
      capture_method: "manual",
      status: "requires_capture"
    })
    expect((await askPayment(rest.url, admin, order, "payment/capture")).body.status).toBe("settled")
    const part = { amount: { amount: 250, currency: "EUR" } }
    expect((await askPayment(rest.url, admin, order, "refunds", part)).body.status).toBe("succeeded")
    expect(stripe.refunds.at(-1)?.amount).toBe(250)
    const asked = stripe.requests.slice(from)
    expect(asked.map((each) => each.path.replace(/pi_\d+/, "pi"))).toEqual([
      "/v1/payment_intents",
      "/v1/payment_intents/pi/confirm",
      "/v1/payment_intents/pi/capture",
      "/v1/refunds"
    ])
    expect(new Set(asked.map((each) => each.key)).size).toBe(4)
  })

  it("declines say why, and another PaymentMethod gets a PaymentIntent of its own", async () => {
    const order = await placed()
    expect((await payBy(order, "pm_declined")).body).toMatchObject({
      status: "failed",
      failure_code: "insufficient_funds"
    })
    expect((await payBy(order, "pm_action")).body.failure_code).toBe("authentication_required")
    expect((await payBy(order)).body.status).toBe("authorized")
  })

  it("refuses what is no PaymentMethod before anything is asked", async () => {
    const from = stripe.requests.length
    const refused = await payBy(await placed(), "tok_visa")
    expect([refused.status, refused.body.errors?.[0]?.pointer]).toEqual([422, "/token"])
    expect(stripe.requests.length).toBe(from)
  })

  it("an authorization whose answer is lost is found out, and not made twice", async () => {
    const order = await placed()
    const intents = stripe.intents.size
    stripe.loseAnswerOf("confirm")
    expect((await payBy(order)).body.status).toBe("pending")
    await sweptUntil(rest, admin, order, "authorized")
    expect(stripe.intents.size).toBe(intents + 1)
    expect(newest()?.status).toBe("requires_capture")
  })

  it("captures, refunds and voids whose answers are lost are found out, and not made twice", async () => {
    const order = await placed()
    await payBy(order)
    stripe.loseAnswerOf("capture")
    await askPayment(rest.url, admin, order, "payment/capture")
    await sweptUntil(rest, admin, order, "settled")
    const refunds = stripe.refunds.length
    stripe.loseAnswerOf("refunds")
    expect((await askPayment(rest.url, admin, order, "refunds")).body.status).toBe("pending")
    await sweptUntil(rest, admin, order, "refunded")
    expect(stripe.refunds.length).toBe(refunds + 1)
    const voided = await placed()
    await payBy(voided)
    stripe.loseAnswerOf("cancel")
    await askPayment(rest.url, admin, voided, "payment/void")
    expect(await sweptUntil(rest, admin, voided, "failed")).toMatchObject({ failure_code: "voided" })
    expect(newest()?.status).toBe("canceled")
  })

  it("counts the two currencies that it counts otherwise", () => {
    expect(stripeAmount({ amount: 500, currency: "JPY" })).toBe(500)
    expect(stripeAmount({ amount: 500, currency: "ISK" })).toBe(50_000)
    expect(stripeAmount({ amount: 500, currency: "EUR" })).toBe(500)
  })
})

describe("a webhook of Stripe", () => {
  const library = new Stripe("sk_test_1")
  const payload = JSON.stringify({
    id: "evt_1",
    object: "event",
    type: "payment_intent.succeeded",
    data: { object: { id: "pi_1", object: "payment_intent" } }
  })
  const send = (body: string, signature: string) =>
    call<{ received?: boolean; code?: string }>(rest.url, "POST", "/v1/stripe/events", {
      body,
      headers: { "stripe-signature": signature, "content-type": "application/json" }
    })
  const signed = (body: string, secret = webhookSecret, timestamp?: number) =>
    library.webhooks.generateTestHeaderString({
      payload: body,
      secret,
      ...(timestamp === undefined ? {} : { timestamp })
    })

  it("is taken when Stripe signed it, to the byte", async () => {
    expect(await send(payload, signed(payload))).toMatchObject({ status: 200, body: { received: true } })
    const spaced = `${payload.slice(0, 1)} ${payload.slice(1)}`
    expect(await send(spaced, signed(payload))).toMatchObject({
      status: 400,
      body: { code: "webhook_signature_invalid" }
    })
    expect((await send(spaced, signed(spaced))).status).toBe(200)
  })

  it("is refused with another secret, an old signature, or none", async () => {
    const old = Math.floor(Date.now() / 1000) - 3_600
    for (const signature of [signed(payload, "whsec_other"), signed(payload, webhookSecret, old), "", "t=1,v1=00"])
      expect((await send(payload, signature)).body.code).toBe("webhook_signature_invalid")
  })

  it("makes the server ask at once about what it waits for", async () => {
    const order = await placed()
    await payBy(order)
    stripe.loseAnswerOf("capture")
    await askPayment(rest.url, admin, order, "payment/capture")
    const about = JSON.stringify({ ...JSON.parse(payload), data: { object: newest() } })
    expect((await send(about, signed(about))).status).toBe(200)
    await sweepPayments(rest)
    expect((await paymentOf(rest.url, admin, order)).status).toBe("settled")
  })

  it("is not taken by a server that does not know Stripe", async () => {
    const other = await startRest()
    const answer = await call<{ code: string }>(other.url, "POST", "/v1/stripe/events", {
      body: payload,
      headers: { "stripe-signature": signed(payload) }
    })
    await other.stop()
    expect([answer.status, answer.body.code]).toEqual([421, "stripe_not_configured"])
  })
})

it("a server whose key of Stripe is live has no sandbox", async () => {
  const live = await startRest({ env: { stripeSecretKey: Redacted.make("sk_live_1"), stripeApiUrl: stripe.url } })
  const token = await adminToken(live.url)
  const order = await newOrder(live.url, token, await newProduct(live.url, token))
  const refused = await askPayment(live.url, token, order.id, "payment", { method: "sandbox", token: "tok_ok" })
  await live.stop()
  expect([refused.status, refused.body.errors?.[0]?.pointer]).toEqual([422, "/method"])
  expect(refused.body.errors?.[0]?.detail).toContain("real payments")
})
