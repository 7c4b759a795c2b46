import { Data, Schema } from "effect"
import { type Refused, refusedCodes } from "../domain/Refused.ts"

/** The state machine of an order or a shipment did not take a command; nothing changed. Retry: with one of `allowed`. */
export class CommandRefused extends Schema.TaggedError<CommandRefused>()("CommandRefused", {
  code: Schema.Literals(refusedCodes),
  detail: Schema.String,
  allowed: Schema.Array(Schema.String)
}) {}

/** A machine's refusal as the failure of an effect. */
export const refusal = ({ code, detail, allowed }: Refused) => new CommandRefused({ code, detail, allowed })

/** A shipment cannot be given to this driver. Retry: with another. */
export class DriverNotAssignable extends Schema.TaggedError<DriverNotAssignable>()("DriverNotAssignable", {
  driverId: Schema.String,
  reason: Schema.Literals(["unknown", "suspended"]),
  /** Where in a list of drivers, counted from 0. */
  position: Schema.optionalKey(Schema.Int)
}) {}

/** A driver has as many open offers as they may have. Retry: when they have answered. */
export class TooManyOffers extends Schema.TaggedError<TooManyOffers>()("TooManyOffers", { driverId: Schema.String }) {}

/** Items of an order that cannot be ordered. Retry: without them. `position` counts from 0. */
export class ItemsRefused extends Data.TaggedError("ItemsRefused")<{
  readonly items: ReadonlyArray<{ readonly position: number; readonly reason: "unknown" | "other_currency" }>
}> {}

/** The order's total is beyond what an order may cost. Retry: with less. */
export class TotalTooLarge extends Data.TaggedError("TotalTooLarge")<{ readonly currency: string }> {}

/** The order names an address that is not one of the customer's. Retry: with another. */
export class AddressUnknown extends Data.TaggedError("AddressUnknown")<{ readonly addressId: string }> {}
