/** An amount in integer minor units (cents for EUR, yen for JPY) of an ISO 4217 currency. Never a float. */
export interface Money {
  readonly amount: number
  readonly currency: string
}

// ISO 4217:2015, table A.1: currencies without a minor unit, and those with three or four digits of it.
const withoutMinorUnit = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(" ")
const withMoreDigits = "BHD IQD JOD KWD LYD OMR TND CLF UYW".split(" ")

/** The largest amount of the database's NUMERIC(12,2), in hundredths. */
export const amountMax = 999_999_999_999

/** How many decimals a currency has; undefined for one that NUMERIC(12,2) cannot hold and for a text that is no code. */
export const minorDigits = (currency: string): 0 | 2 | undefined => {
  if (!/^[A-Z]{3}$/.test(currency) || withMoreDigits.includes(currency)) return undefined
  return withoutMinorUnit.includes(currency) ? 0 : 2
}

/** Whether the amount and currency can be stored. */
export const isMoney = ({ amount, currency }: Money): boolean => {
  const digits = minorDigits(currency)
  if (digits === undefined || !Number.isSafeInteger(amount) || amount < 0) return false
  return amount * (digits === 0 ? 100 : 1) <= amountMax
}

/** The decimal text that PostgreSQL's numeric takes, such as `12.34`. */
export const toDecimal = (money: Money): string => {
  if (minorDigits(money.currency) === 0) return `${money.amount}.00`
  const digits = String(money.amount).padStart(3, "0")
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`
}

/** Back from PostgreSQL's numeric with two decimals. */
export const fromDecimal = (decimal: string, currency: string): Money => {
  const [whole = "0", fraction = ""] = decimal.split(".")
  const hundredths = Number(`${whole}${fraction.padEnd(2, "0").slice(0, 2)}`)
  return { amount: minorDigits(currency) === 0 ? hundredths / 100 : hundredths, currency }
}
