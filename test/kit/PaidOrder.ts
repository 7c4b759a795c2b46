import { Effect } from "effect"
import { Payments } from "../../src/actors/payments/Payments.ts"
import { newOrder, newProduct } from "./PlacedOrder.ts"
import { type Answer, call } from "./RestCaller.ts"
import type { RestServer } from "./RestServer.ts"
import { until } from "./Until.ts"

/** What the routes of payments answer, as far as tests look. */
export interface ShownPayment {
  readonly id: string
  readonly status: string
  readonly amount: { readonly amount: number; readonly currency: string }
  readonly settled: { readonly amount: number }
  readonly refunded: { readonly amount: number }
  readonly failure_code: string | null
  readonly code?: string
  readonly detail?: string
  readonly errors?: ReadonlyArray<{ readonly pointer: string; readonly detail: string }>
}

/** Sends one request about an order's payment: `payment`, `payment/capture`, `payment/void` or `refunds`. */
export const askPayment = (
  url: string,
  token: string,
  orderId: string,
  what: string,
  body: unknown = {},
  key?: string
): Promise<Answer<ShownPayment>> =>
  call<ShownPayment>(url, "POST", `/v1/orders/${orderId}/${what}`, {
    token,
    body,
    ...(key === undefined ? {} : { headers: { "idempotency-key": key } })
  })

/** Pays with a test token. */
export const pay = (url: string, token: string, orderId: string, testToken = "tok_ok", key?: string) =>
  askPayment(url, token, orderId, "payment", { method: "sandbox", token: testToken }, key)

/** The payment of an order as it is now. */
export const paymentOf = async (url: string, token: string, orderId: string): Promise<ShownPayment> =>
  (await call<ShownPayment>(url, "GET", `/v1/orders/${orderId}/payment`, { token })).body

/** Lets the server look after what waits, once. */
export const sweepPayments = (rest: RestServer): Promise<void> =>
  rest.run(Effect.flatMap(Payments, (payments) => payments.sweep))

/** Lets the server look after what waits until the payment of an order is so far. */
export const sweptUntil = (rest: RestServer, token: string, orderId: string, status: string): Promise<ShownPayment> =>
  until(
    `the payment is ${status}`,
    async () => {
      await sweepPayments(rest)
      return paymentOf(rest.url, token, orderId)
    },
    (payment) => payment.status === status
  )

/** An order with a payment that is settled. */
export const settledOrder = async (
  rest: RestServer,
  admin: string,
  amount = 1000,
  testToken = "tok_ok"
): Promise<string> => {
  const order = await newOrder(rest.url, admin, await newProduct(rest.url, admin, 10, amount))
  await pay(rest.url, admin, order.id, testToken)
  const captured = await askPayment(rest.url, admin, order.id, "payment/capture")
  if (captured.body.status !== "settled") throw new Error(`capturing was answered ${captured.text}`)
  return order.id
}
