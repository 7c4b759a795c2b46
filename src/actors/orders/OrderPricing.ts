import { Effect } from "effect"
import { fromDecimal, isMoney } from "../../domain/Money.ts"
import type { ProductRepo, Quantity } from "../../persistence/orders/ProductRepo.ts"
import { ItemsRefused, TotalTooLarge } from "../CommandRefused.ts"

/** The items of an order with the names and prices of now, and their total; all in one currency. */
export const makeOrderPricing = (products: ProductRepo["Service"]) =>
  Effect.fnUntraced(function* (quantities: ReadonlyArray<Quantity>) {
    const found = new Map(
      (yield* products.many([...new Set(quantities.map((each) => each.productId))])).map((row) => [row.id, row])
    )
    const currency = quantities.flatMap((each) => found.get(each.productId)?.currency ?? [])[0] ?? ""
    const wrong = quantities.flatMap((each, position): ItemsRefused["items"] => {
      const product = found.get(each.productId)
      if (product === undefined) return [{ position, reason: "unknown" }]
      return product.currency === currency ? [] : [{ position, reason: "other_currency" }]
    })
    if (wrong.length > 0) return yield* new ItemsRefused({ items: wrong })
    const items = quantities.map((each) => {
      const product = found.get(each.productId)
      return { ...each, name: product?.name ?? "", unitPrice: fromDecimal(product?.price ?? "0", currency) }
    })
    const amount = items.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice.amount, 0)
    const total = { amount, currency }
    return isMoney(total) ? { items, total } : yield* new TotalTooLarge({ currency })
  })
