import { Context, Effect, Layer, Option } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { decideOrder } from "../../domain/Order.ts"
import { type AddressFields, AddressRepo } from "../../persistence/customers/AddressRepo.ts"
import type { Answer } from "../../persistence/IdempotencyRepo.ts"
import { newId } from "../../persistence/NewId.ts"
import { type NewOrder, OrderRepo } from "../../persistence/orders/OrderRepo.ts"
import {
  ProductRepo,
  type ProductWithdrawn,
  type Quantity,
  type StockInsufficient
} from "../../persistence/orders/ProductRepo.ts"
import type { RowAbsent } from "../../persistence/RowAbsent.ts"
import type { EventOrigin, NewEvent } from "../../persistence/shipments/ShipmentEventRepo.ts"
import type { ValueTaken } from "../../persistence/ValueTaken.ts"
import {
  AddressUnknown,
  type CommandRefused,
  type ItemsRefused,
  refusal,
  type TotalTooLarge
} from "../CommandRefused.ts"
import type { KeyedAnswer } from "../shipments/KeyedAnswers.ts"
import { makeShipmentKeeping } from "../shipments/ShipmentKeeping.ts"
import type { ShipmentAsker, ShipmentFailure } from "../shipments/Shipments.ts"
import { makeOrderCancellation } from "./OrderCancellation.ts"
import { makeOrderPricing } from "./OrderPricing.ts"

/** An order as somebody asks for it. */
export interface OrderRequest {
  /** Undefined: a guest's. */
  readonly customerId: string | undefined
  readonly placedBy: string
  readonly channel: "web" | "app" | "wechat"
  readonly externalId: string | undefined
  readonly items: ReadonlyArray<Quantity>
  /** One of the customer's own, or one for this order alone. */
  readonly address: { readonly id: string } | AddressFields
  readonly contact: NewOrder["contact"]
  readonly pickup: NewOrder["pickup"]
  readonly window: NewOrder["window"]
  readonly notes: string | undefined
  /** How its delivery must be proved; undefined: by the shop's own rule. */
  readonly requirements?: NewOrder["requirements"]
  /** What is printed on the parcel. */
  readonly barcode?: NewOrder["barcode"]
  readonly isSubmitted: boolean
}

/** Why an order was not placed. */
export type PlaceFailure =
  | ItemsRefused
  | TotalTooLarge
  | AddressUnknown
  | StockInsufficient
  | ProductWithdrawn
  | ValueTaken
  | SqlError.SqlError

/** Places orders and takes them to confirmation or cancellation. Joins the caller's transaction when there is one. */
export class Orders extends Context.Service<
  Orders,
  {
    /** Keeps an order with the prices of now; stock is taken when it is submitted. Answers its id. */
    readonly place: (request: OrderRequest, origin: EventOrigin) => Effect.Effect<string, PlaceFailure>
    readonly submit: (
      orderId: string,
      origin: EventOrigin
    ) => Effect.Effect<void, CommandRefused | StockInsufficient | ProductWithdrawn | RowAbsent | SqlError.SqlError>
    /**
     * Cancels an order and its shipment, as far as that is legal still; gives the stock back. A shipment's actor has its own transaction, so
     * the caller must hold none; `word` says what the answer is when there is no shipment.
     */
    readonly cancel: (
      orderId: string,
      reason: string | undefined,
      by: ShipmentAsker,
      word: Effect.Effect<Answer, RowAbsent | SqlError.SqlError>
    ) => Effect.Effect<KeyedAnswer, ShipmentFailure>
  }
>()("dropmate/actors/orders/Orders") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const orders = yield* OrderRepo
      const products = yield* ProductRepo
      const addresses = yield* AddressRepo
      const keeping = yield* makeShipmentKeeping
      const priced = makeOrderPricing(products)
      // No savepoint in a transaction that is open: nobody goes on with one in which an order was refused.
      const transaction = <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.flatMap(Effect.serviceOption(sql.transactionService), (open) =>
          Option.isSome(open) ? effect : sql.withTransaction(effect)
        )

      const addressIdOf = Effect.fnUntraced(function* ({ address, customerId }: OrderRequest) {
        if (!("id" in address)) {
          const id = yield* newId
          yield* Effect.catchTag(addresses.insert(id, customerId, address, false), "RowAbsent", Effect.die)
          return id
        }
        if (customerId === undefined) return yield* new AddressUnknown({ addressId: address.id })
        const found = yield* addresses
          .get(customerId, address.id)
          .pipe(Effect.catchTag("RowAbsent", () => Effect.fail(new AddressUnknown({ addressId: address.id }))))
        return found.id
      })

      const place = Effect.fnUntraced(function* (request: OrderRequest, origin: EventOrigin) {
        const id = yield* newId
        const { items, total } = yield* priced(request.items)
        const addressId = yield* addressIdOf(request)
        const { address: _, isSubmitted, ...rest } = request
        yield* orders.insert({
          requirements: undefined,
          barcode: undefined,
          ...rest,
          id,
          addressId,
          items,
          total,
          status: isSubmitted ? "submitted" : "draft"
        })
        const events: ReadonlyArray<NewEvent> = [
          { type: "order.drafted", data: {} },
          ...(isSubmitted ? [{ type: "order.submitted", data: {} } as const] : [])
        ]
        yield* keeping.append(id, events, origin)
        // Last: whoever orders the same product waits for these rows until the commit.
        if (isSubmitted) yield* products.reserve(request.items)
        return id
      })

      const submit = Effect.fnUntraced(function* (orderId: string, origin: EventOrigin) {
        const { status } = yield* orders.lock(orderId)
        const decision = decideOrder(status, "submit", origin.actor.kind)
        if (decision._tag === "Refused") return yield* refusal(decision)
        if (decision.events.length === 0) return
        yield* orders.setStatus(orderId, "submitted")
        yield* keeping.append(orderId, [{ type: "order.submitted", data: {} }], origin)
        yield* products.reserve(yield* orders.quantities(orderId))
      })

      return {
        place: Effect.fn("Orders.place")((request, origin) => transaction(place(request, origin))),
        submit: Effect.fn("Orders.submit")((orderId, origin) => transaction(submit(orderId, origin))),
        cancel: yield* makeOrderCancellation
      }
    })
  )
}
