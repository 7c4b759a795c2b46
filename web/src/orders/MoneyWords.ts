import { type Money, minorDigits } from "../../../src/domain/Money.ts"

/** An amount as people write it, such as "€12.50". */
export const moneyWords = ({ amount, currency }: Money): string =>
  new Intl.NumberFormat(undefined, { style: "currency", currency }).format(
    minorDigits(currency) === 0 ? amount : amount / 100
  )
