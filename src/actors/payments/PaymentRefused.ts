import { Data } from "effect"

/** Something is under way for the payment that has to end first. Retry: later. */
export class PaymentBusy extends Data.TaggedError("PaymentBusy")<{ readonly orderId: string }> {}

/** More is asked back than was settled and not given back yet. Retry: with at most `left`, minor units. */
export class RefundTooLarge extends Data.TaggedError("RefundTooLarge")<{
  readonly left: number
  readonly currency: string
}> {}

/** The refund is in another currency than the payment. Retry: in the payment's. */
export class RefundCurrencyWrong extends Data.TaggedError("RefundCurrencyWrong")<{ readonly currency: string }> {}

/** This server has no such processor. Retry: never, unless it is configured. */
export class MethodUnavailable extends Data.TaggedError("MethodUnavailable")<{ readonly detail: string }> {}

/** The processor has no such means of paying. Retry: with another token. */
export class PaymentTokenWrong extends Data.TaggedError("PaymentTokenWrong")<{ readonly detail: string }> {}
