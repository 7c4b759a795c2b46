import { Context, Effect, Fiber, Layer, type Redacted } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { Limits } from "../../config/Limits.ts"
import type { Money } from "../../domain/Money.ts"
import { PaymentOperationRepo } from "../../persistence/payments/PaymentOperationRepo.ts"
import { PaymentRepo } from "../../persistence/payments/PaymentRepo.ts"
import type { RowAbsent } from "../../persistence/RowAbsent.ts"
import { systemOn } from "../../persistence/RowScope.ts"
import type { EventOrigin } from "../../persistence/shipments/ShipmentEventRepo.ts"
import type { ShipmentMoved } from "../../persistence/shipments/ShipmentWrites.ts"
import type { ProcessorName } from "../../processors/PaymentProcessor.ts"
import type { CommandRefused } from "../CommandRefused.ts"
import type { Intention } from "./KeyedIntentions.ts"
import { makePaymentAsking, type PaymentMeans } from "./PaymentAsking.ts"
import { makePaymentCarrying } from "./PaymentCarrying.ts"
import { makePaymentFollowing } from "./PaymentFollowing.ts"
import type {
  MethodUnavailable,
  PaymentBusy,
  PaymentTokenWrong,
  RefundCurrencyWrong,
  RefundTooLarge
} from "./PaymentRefused.ts"

type Asked<E> = Effect.Effect<Intention, E | CommandRefused | PaymentBusy | RowAbsent | SqlError.SqlError>
type Carried = Effect.Effect<void, PaymentBusy | CommandRefused | ShipmentMoved | RowAbsent | SqlError.SqlError>

/**
 * Payments of orders. What is asked is first kept (`pay`, `capture`, `void`, `refund`, in the caller's transaction), then carried out outside
 * of any (`carryOut`), and its outcome is kept in a transaction of its own: a crash between any two steps leaves something that is carried
 * on, and nothing that happens twice (ADR 0100).
 */
export class Payments extends Context.Service<
  Payments,
  {
    readonly pay: (
      orderId: string,
      means: PaymentMeans,
      origin: EventOrigin
    ) => Asked<MethodUnavailable | PaymentTokenWrong>
    readonly capture: (orderId: string, origin: EventOrigin) => Asked<never>
    readonly void: (orderId: string, origin: EventOrigin) => Asked<never>
    /** Without an amount: all that is left. */
    readonly refund: (
      orderId: string,
      amount: Money | undefined,
      reason: string | undefined,
      origin: EventOrigin
    ) => Asked<RefundTooLarge | RefundCurrencyWrong>
    /** Goes on to its end also when whoever asked goes away. */
    readonly carryOut: (intention: Intention, token?: Redacted.Redacted) => Carried
    /** Finds out what became of everything that is under way for an order and that nobody carries out. */
    readonly resolve: (orderId: string) => Carried
    /** The processor says that it has news of a payment: it is asked. */
    readonly hasten: (processor: ProcessorName, ref: string) => Effect.Effect<void, SqlError.SqlError>
    /** Looks after what waits: consequences of orders that ended, and outcomes that nobody knows yet. */
    readonly sweep: Effect.Effect<void, SqlError.SqlError>
  }
>()("dropmate/actors/payments/Payments") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const limits = yield* Limits
      const sql = yield* SqlClient.SqlClient
      const scope = yield* Effect.scope
      const payments = yield* PaymentRepo
      const operations = yield* PaymentOperationRepo
      const asking = yield* makePaymentAsking
      const follow = yield* makePaymentFollowing
      const carry = yield* makePaymentCarrying
      const asSystem = systemOn(sql)

      const carryOut = Effect.fn("Payments.carryOut")(function* (
        { operationId, claim }: Intention,
        token?: Redacted.Redacted
      ) {
        if (operationId === undefined) return
        const carried = yield* Effect.forkIn(carry(operationId, claim, token), scope)
        yield* Fiber.join(carried)
      })

      const found = (operationId: string) =>
        carryOut({ operationId, claim: undefined }).pipe(Effect.catchTag("PaymentBusy", () => Effect.void))

      const sweepOne = <E>(what: string, id: string, effect: Effect.Effect<void, E>) =>
        Effect.catchCause(effect, (cause) => Effect.logWarning("payment_sweep_failed", { what, id }, cause))

      return {
        pay: Effect.fn("Payments.pay")(asking.pay),
        capture: Effect.fn("Payments.capture")((orderId, origin) => asking.move(orderId, "capture", origin)),
        void: Effect.fn("Payments.void")((orderId, origin) => asking.move(orderId, "void", origin)),
        refund: Effect.fn("Payments.refund")(asking.refund),
        carryOut,
        resolve: Effect.fn("Payments.resolve")(function* (orderId) {
          yield* Effect.forEach(yield* asSystem(operations.unclaimedOf(orderId)), found, { discard: true })
        }),
        hasten: Effect.fn("Payments.hasten")(function* (processor, ref) {
          const id = yield* asSystem(payments.idOfRef(processor, ref))
          if (id !== undefined) yield* asSystem(operations.hasten(id))
        }),
        sweep: Effect.gen(function* () {
          for (const id of yield* asSystem(payments.toFollow(limits.paymentSweepRowsMax)))
            yield* sweepOne("order", id, asSystem(follow(id)))
          const due = yield* asSystem(operations.due(limits.paymentSweepRowsMax))
          yield* Effect.forEach(due, (id) => sweepOne("operation", id, found(id)), {
            concurrency: limits.paymentsAtOnceMax,
            discard: true
          })
        }).pipe(Effect.withSpan("Payments.sweep"))
      }
    })
  )
}
