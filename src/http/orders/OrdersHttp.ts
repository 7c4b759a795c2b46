import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { type OrderRequest, Orders } from "../../actors/orders/Orders.ts"
import { Shipments } from "../../actors/shipments/Shipments.ts"
import { Limits } from "../../config/Limits.ts"
import { isPermitted, type Principal } from "../../identity/Principal.ts"
import { CustomerRepo } from "../../persistence/customers/CustomerRepo.ts"
import { OrderRepo } from "../../persistence/orders/OrderRepo.ts"
import { Api } from "../Api.ts"
import { CurrentPrincipal } from "../Authenticated.ts"
import { idCursor } from "../Cursor.ts"
import { addressFields } from "../customers/AddressField.ts"
import { versioned } from "../ETag.ts"
import { encodeAnswer, Idempotency } from "../Idempotency.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import { Problem } from "../Problem.ts"
import { RateLimits } from "../RateLimits.ts"
import { requestOrigin } from "../RequestOrigin.ts"
import { Order, type OrderInput } from "./OrdersApi.ts"
import { knownOrder } from "./OwnOrder.ts"
import { showOrder } from "./ShownOrder.ts"

const orderCursor = idCursor("orders")

const refuseField = (pointer: string, code: "required" | "invalid_value" | "not_found", detail: string): Problem =>
  new Problem({ code: "invalid_body", errors: [{ pointer, code, detail }] })

/** For whom an order is: a customer's is their own; staff name a customer, or order for a guest. */
const customerOf = (
  principal: Principal,
  input: typeof OrderInput.Type
): Effect.Effect<string | undefined, Problem> => {
  const { customer_id: named, contact } = input
  if (isPermitted(principal, "orders.read"))
    return Effect.succeed(named ?? (contact === undefined ? principal.customerId : undefined))
  return named === undefined || named === principal.customerId
    ? Effect.succeed(principal.customerId)
    : Effect.fail(refuseField("/customer_id", "invalid_value", "is not the caller"))
}

const knownCustomer = (customers: CustomerRepo["Service"], id: string | undefined) =>
  id === undefined
    ? Effect.void
    : Effect.catchTag(customers.get(id), "RowAbsent", () =>
        Effect.fail(refuseField("/customer_id", "not_found", "names no customer"))
      )

const addressOf = (input: typeof OrderInput.Type): Effect.Effect<OrderRequest["address"], Problem> => {
  const { delivery_address: address, delivery_address_id: id } = input
  if (address !== undefined && id !== undefined)
    return Effect.fail(refuseField("/delivery_address_id", "invalid_value", "comes instead of delivery_address"))
  if (id !== undefined) return Effect.succeed({ id })
  return address === undefined
    ? Effect.fail(refuseField("/delivery_address", "required", "is required, or delivery_address_id"))
    : Effect.succeed(addressFields(address))
}

const requestOf = Effect.fnUntraced(function* (input: typeof OrderInput.Type) {
  const principal = yield* CurrentPrincipal
  const request: OrderRequest = {
    customerId: yield* customerOf(principal, input),
    placedBy: principal.userId,
    channel: input.channel,
    externalId: input.external_id,
    items: input.items.map((item) => ({ productId: item.product_id, quantity: item.quantity })),
    address: yield* addressOf(input),
    contact: input.contact,
    pickup: input.pickup,
    window: input.window,
    notes: input.notes,
    requirements: input.delivery_requirements,
    barcode: input.parcel_barcode,
    isSubmitted: input.submit === true
  }
  return request
})

/** Handlers of OrdersApi. */
export const OrdersHttp = HttpApiBuilder.group(
  Api,
  "orders",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const idempotency = yield* Idempotency
    const rows = yield* OrderRepo
    const customers = yield* CustomerRepo
    const orders = yield* Orders
    const shipments = yield* Shipments
    const rates = yield* RateLimits

    // An order is a whole transaction: what a principal may ask for in reads would be more of them than a node can take.
    const countOrder = Effect.gen(function* () {
      const principal = yield* CurrentPrincipal
      if (!isPermitted(principal, "orders.read")) yield* rates.count("orders", principal.userId)
    })

    /** Runs a command on an order the caller may know, and answers what became of it. */
    const changing = <E, R>(orderId: string, change: Effect.Effect<unknown, E, R>) => {
      const changed = Effect.gen(function* () {
        yield* knownOrder(rows, orderId)
        yield* change
        return showOrder(yield* rows.get(orderId))
      })
      return idempotency.once({ status: 200, success: Order }, changed)
    }

    return handlers.handleAll({
      list: Effect.fn("OrdersHttp.list")(function* ({ query }) {
        const principal = yield* CurrentPrincipal
        const limit = query.limit ?? limits.listLimitDefault
        const beforeId = yield* orderCursor.read(query.cursor)
        const { status, external_id: externalId } = query
        const isStaff = isPermitted(principal, "orders.read")
        // Without being a customer nobody has orders of their own: the nil UUID is no customer's.
        const customerId = isStaff
          ? query.customer_id
          : (principal.customerId ?? "00000000-0000-0000-0000-000000000000")
        const found = yield* scope.run(rows.list({ customerId, status, externalId, beforeId, limit: limit + 1 }))
        return orderCursor.page(found, limit, (row) => row.id, showOrder)
      }),
      place: Effect.fn("OrdersHttp.place")(function* ({ payload }) {
        const request = yield* requestOf(payload)
        // Counted only when it is placed: sending a request again under its key costs nothing.
        const placed = Effect.gen(function* () {
          yield* countOrder
          yield* knownCustomer(customers, payload.customer_id)
          const id = yield* orders.place(request, yield* requestOrigin)
          return showOrder(yield* rows.get(id))
        })
        const headers = (order: { readonly id: string }) => ({ location: `/v1/orders/ord_${order.id}` })
        return yield* idempotency.once({ status: 201, success: Order, headers }, placed)
      }),
      get: Effect.fn("OrdersHttp.get")(function* ({ params }) {
        const order = yield* scope.run(Effect.andThen(knownOrder(rows, params.id), rows.get(params.id)))
        return versioned(order.version, showOrder(order))
      }),
      submit: Effect.fn("OrdersHttp.submit")(function* ({ params }) {
        return yield* changing(params.id, orders.submit(params.id, yield* requestOrigin))
      }),
      confirm: Effect.fn("OrdersHttp.confirm")(function* ({ params }) {
        return yield* changing(params.id, shipments.confirm(params.id, yield* requestOrigin))
      }),
      cancel: ({ params, payload }) =>
        idempotency.asked((key) =>
          Effect.gen(function* () {
            yield* scope.run(knownOrder(rows, params.id))
            const by = { origin: yield* requestOrigin, scope: yield* scope.current, key, answer: "order" } as const
            const cancelled = Effect.map(rows.get(params.id), showOrder)
            const word = Effect.flatMap(cancelled, (order) => encodeAnswer({ status: 200, success: Order }, order))
            return yield* orders.cancel(params.id, payload?.reason, by, word)
          })
        )
    })
  })
)
