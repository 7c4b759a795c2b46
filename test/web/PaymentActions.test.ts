import { describe, expect, it } from "vitest"
import { paymentStatuses } from "../../src/domain/Payment.ts"
import { amountOf, amountText } from "../../web/src/orders/MoneyWords.ts"
import type { PaymentAnswer } from "../../web/src/orders/OrderView.ts"
import { leftOf, paymentActionsOf } from "../../web/src/orders/PaymentActions.ts"

const routes = new Set(["payment/capture", "payment/void", "refunds"].map((name) => `POST /v1/orders/{id}/${name}`))
const euros = (amount: number) => ({ amount, currency: "EUR" })

const paymentIn = (status: string, settled = 0, refunded = 0): PaymentAnswer => ({
  id: "pay_1",
  status,
  method: "sandbox",
  amount: euros(1_000),
  settled: euros(settled),
  refunded: euros(refunded),
  failure_code: null
})

const names = (payment: PaymentAnswer, known: ReadonlySet<string> = routes) =>
  paymentActionsOf(payment, "ord_1", "dispatcher", known).map(({ name }) => name)

describe("the buttons of a payment", () => {
  it("are what its machine takes, and the server has a route for", () => {
    const byStatus = Object.fromEntries(paymentStatuses.map((status) => [status, names(paymentIn(status, 1_000))]))
    expect(byStatus).toEqual({
      pending: ["void"],
      authorized: ["capture", "void"],
      settled: ["refund"],
      failed: [],
      refunded: []
    })
    expect(names(paymentIn("authorized"), new Set())).toEqual([])
  })

  it("give back no more than is left", () => {
    expect(leftOf(paymentIn("settled", 1_000, 250))).toEqual(euros(750))
    expect(names(paymentIn("settled", 1_000, 1_000))).toEqual([])
  })
})

describe("an amount that somebody writes", () => {
  it("is taken with a point or a comma, and refused when it is no amount of the currency", () => {
    for (const [text, amount] of [
      ["12.50", 1_250],
      ["12,5", 1_250],
      [" 12 ", 1_200],
      ["0.07", 7]
    ] as const)
      expect(amountOf(text, "EUR"), text).toBe(amount)
    for (const text of ["", "-1", "1.234", "1e3", "twelve", "1,000.00"])
      expect(amountOf(text, "EUR"), text).toBeUndefined()
    expect([amountOf("120", "JPY"), amountOf("1.5", "JPY")]).toEqual([120, undefined])
    expect([amountText(euros(1_205)), amountText({ amount: 120, currency: "JPY" })]).toEqual(["12.05", "120"])
  })
})
