import type { Quantity } from "../../src/persistence/orders/ProductRepo.ts"
import type { Buyer } from "./OrderOperations.ts"

// Primes, so that neighbours neither share a product nor a customer: the bench measures no waiting for a hot row.
const strides = [7_919, 104_729] as const

/** What order `n` asks for: one piece of one product and two of another. */
export const orderedItems = (n: number, productIds: ReadonlyArray<string>): ReadonlyArray<Quantity> =>
  strides.map((stride, i) => ({ productId: productIds[(n * stride + i) % productIds.length] ?? "", quantity: i + 1 }))

/** Who places order `n`. */
export const orderedBy = (n: number, buyers: ReadonlyArray<Buyer>): Buyer => {
  const buyer = buyers[n % buyers.length]
  if (buyer === undefined) throw new RangeError("a bench without customers")
  return buyer
}

/** Where order `n` goes, and how to reach whom. */
export const placeOf = (n: number) => ({
  delivery_address: {
    line1: `Lindenstrasse ${n % 200}`,
    city: "Berlin",
    postal_code: "10969",
    country: "DE",
    lat: 52.5 + (n % 100) / 2_000,
    lng: 13.4
  },
  pickup: { line1: "Depot", lat: 52.52, lng: 13.37 },
  contact: { name: "Ada Lovelace", phone: "+49 30 1234567" }
})
