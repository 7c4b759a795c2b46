import { type Money, minorDigits } from "../../../src/domain/Money.ts"

/** An amount as people write it, such as "€12.50". */
export const moneyWords = ({ amount, currency }: Money): string =>
  new Intl.NumberFormat(undefined, { style: "currency", currency }).format(
    minorDigits(currency) === 0 ? amount : amount / 100
  )

/** The same as a field takes it, without its currency: "12.50". */
export const amountText = ({ amount, currency }: Money): string =>
  minorDigits(currency) === 0 ? String(amount) : (amount / 100).toFixed(2)

/** What somebody wrote, "12.5" or "12,50", in minor units; undefined for what is no such amount. */
export const amountOf = (text: string, currency: string): number | undefined => {
  const [, whole, fraction = ""] = /^\s*(\d{1,10})(?:[.,](\d{1,2}))?\s*$/.exec(text) ?? []
  if (whole === undefined) return undefined
  if (minorDigits(currency) === 0) return /^0*$/.test(fraction) ? Number(whole) : undefined
  return Number(whole) * 100 + Number(fraction.padEnd(2, "0"))
}
