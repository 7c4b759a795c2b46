import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { defaultLimits } from "../../config/Limits.ts"
import { processorNames } from "../../processors/PaymentProcessor.ts"
import { sandboxTokens } from "../../processors/SandboxProcessor.ts"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import {
  emptyPayload,
  idempotencyHeader,
  idField,
  pageOf,
  pageQuery,
  TimeField,
  textField,
  withETag
} from "../Field.ts"
import { MoneyField, ReasonField, ShownMoney } from "../orders/CommerceField.ts"

/** A payment as the API shows one. */
export const Payment = Schema.Struct({
  id: idField("payment"),
  order_id: idField("order"),
  status: Schema.String,
  method: Schema.String,
  amount: ShownMoney,
  settled: ShownMoney,
  refunded: ShownMoney,
  failure_code: Schema.NullOr(Schema.String),
  created_at: TimeField,
  updated_at: TimeField
}).annotate({ identifier: "Payment" })

/** A refund as the API shows one. `reason` is for staff alone. */
export const Refund = Schema.Struct({
  id: idField("refund"),
  payment_id: idField("payment"),
  order_id: idField("order"),
  status: Schema.String,
  amount: ShownMoney,
  reason: Schema.NullOr(Schema.String),
  created_at: TimeField,
  updated_at: TimeField
}).annotate({ identifier: "Refund" })

/** What was asked of the processor once, and what it said. */
export const PaymentAttempt = Schema.Struct({
  payment_id: idField("payment"),
  number: Schema.Int,
  operation: Schema.Literals(["authorize", "capture", "void", "refund", "inquire"]),
  outcome: Schema.Literals(["succeeded", "declined", "failed", "unknown"]),
  amount: ShownMoney,
  failure_code: Schema.NullOr(Schema.String),
  attempted_at: TimeField
}).annotate({ identifier: "PaymentAttempt" })

const RefundedMoney = MoneyField.check(
  Schema.makeFilter((money: { readonly amount: number }) => money.amount > 0, {
    message: "is more than nothing",
    description: "is more than nothing"
  })
)

const id = { id: idField("order") }
const uses = { permission: "orders.use", knownTo: "orders.use" } as const
const manages = { permission: "payments.manage", knownTo: "orders.read", orKnownToItsCustomer: true } as const

const tokenList = Object.entries(sandboxTokens)
  .map(([token, { says }]) => `- \`${token}\`: ${says}`)
  .join("\n")

/** What an order costs: paying it, taking it, giving it back. */
export class PaymentsApi extends HttpApiGroup.make("payments")
  .add(
    HttpApiEndpoint.post("pay", "/:id/payment", {
      params: id,
      headers: idempotencyHeader,
      payload: Schema.Struct({
        method: Schema.Literals(processorNames),
        token: textField(1, defaultLimits.paymentTokenLengthMax)
      }),
      success: Payment.pipe(HttpApiSchema.status(201))
    })
      .annotate(Access, uses)
      .annotate(
        OpenApi.Description,
        `Authorizes the order's total; an authorized payment confirms a submitted order. Declined is \`failed\` with a \`failure_code\`, and can be tried again with another token. \`pending\`: the processor has not answered, and it is found out what became of it. The token is never kept.\n\nTokens of \`sandbox\`, which moves no money:\n${tokenList}\n\n\`stripe\` takes the id of a PaymentMethod.`
      ),
    HttpApiEndpoint.get("get", "/:id/payment", { params: id, success: withETag(Payment) }).annotate(Access, uses),
    HttpApiEndpoint.get("attempts", "/:id/payment/attempts", {
      params: id,
      query: pageQuery,
      success: pageOf(PaymentAttempt)
    })
      .annotate(Access, { permission: "orders.read", knownTo: "orders.read", orKnownToItsCustomer: true })
      .annotate(OpenApi.Description, "What was asked of the processor and what it said, the oldest first."),
    HttpApiEndpoint.post("capture", "/:id/payment/capture", {
      params: id,
      headers: idempotencyHeader,
      payload: emptyPayload,
      success: Payment
    })
      .annotate(Access, manages)
      .annotate(
        OpenApi.Description,
        "Takes what was authorized. It happens by itself as the setting `payments.capture` says."
      ),
    HttpApiEndpoint.post("void", "/:id/payment/void", {
      params: id,
      headers: idempotencyHeader,
      payload: emptyPayload,
      success: Payment
    })
      .annotate(Access, manages)
      .annotate(
        OpenApi.Description,
        "Gives up an authorization that was not captured. Cancelling the order does it, too."
      ),
    HttpApiEndpoint.post("refund", "/:id/refunds", {
      params: id,
      headers: idempotencyHeader,
      payload: [
        Schema.Struct({ amount: Schema.optionalKey(RefundedMoney), reason: Schema.optionalKey(ReasonField) }),
        Schema.Null
      ],
      success: Refund.pipe(HttpApiSchema.status(201))
    })
      .annotate(Access, manages)
      .annotate(
        OpenApi.Description,
        "Gives back a part of what was settled, or without `amount` all that is left. All refunds that did not fail add up to no more than was settled."
      ),
    HttpApiEndpoint.get("refunds", "/:id/refunds", { params: id, query: pageQuery, success: pageOf(Refund) })
      .annotate(Access, uses)
      .annotate(OpenApi.Description, "The oldest first.")
  )
  .middleware(Authenticated)
  .prefix("/orders") {}
