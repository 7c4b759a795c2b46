import { Schema } from "effect"
import { amountMax, fromDecimal, isMoney } from "../../domain/Money.ts"
import { intField, numberField, TimeField, textField } from "../Field.ts"

/** Integer minor units and an ISO 4217 code. */
export const MoneyField = Schema.Struct({ amount: intField(0, amountMax), currency: Schema.String })
  .check(
    Schema.makeFilter((money: { readonly amount: number; readonly currency: string }) => isMoney(money), {
      message: "is an amount in minor units of an ISO 4217 currency with at most two decimals",
      description: "is an amount in minor units of an ISO 4217 currency with at most two decimals"
    })
  )
  .annotate({ identifier: "Money" })

/** A sum as the API shows one. */
export const ShownMoney = Schema.Struct({ amount: Schema.Int, currency: Schema.String })

/** A sum of the database, as the API shows it. */
export const showMoney = (decimal: string, currency: string) => fromDecimal(decimal, currency)

/** Latitude, degrees. */
export const LatField = numberField(-90, 90)

/** Longitude, degrees. */
export const LngField = numberField(-180, 180)

/** A span of time that begins before it ends. */
export const WindowField = Schema.Struct({ start: TimeField, end: TimeField }).check(
  Schema.makeFilter((window: { readonly start: Date; readonly end: Date }) => window.start < window.end, {
    message: "begins before it ends",
    description: "begins before it ends"
  })
)

/** Why something was done, in the words of whoever did it. */
export const ReasonField = textField(1, 200)

/** The body of a command that may give a reason. */
export const reasonPayload = [Schema.Struct({ reason: Schema.optionalKey(ReasonField) }), Schema.Null] as const
