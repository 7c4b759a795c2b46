import { Effect, Layer } from "effect"
import { Payments } from "../actors/payments/Payments.ts"
import { Limits } from "../config/Limits.ts"

/**
 * Looks after payments that wait: what follows from an order's end, and what a processor has not answered. Any number of nodes may sweep:
 * an operation is claimed before it is carried out.
 */
export const PaymentSweep = Layer.effectDiscard(
  Effect.gen(function* () {
    const { paymentSweepEveryMs } = yield* Limits
    const payments = yield* Payments
    yield* payments.sweep.pipe(
      Effect.catchCause((cause) => Effect.logWarning("payment_sweep_failed", cause)),
      Effect.andThen(Effect.sleep(paymentSweepEveryMs)),
      Effect.forever,
      Effect.forkScoped
    )
  })
)
