import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { type Money, toDecimal } from "../../domain/Money.ts"
import { theRow, theRowAt } from "../RowAbsent.ts"

/** There is less of a product than asked for. Retry: with less, or later. */
export class StockInsufficient extends Schema.TaggedError<StockInsufficient>()("StockInsufficient", {
  productId: Schema.String
}) {}

/** A product was taken out of sale since it was put on the order. Retry: never. */
export class ProductWithdrawn extends Schema.TaggedError<ProductWithdrawn>()("ProductWithdrawn", {
  productId: Schema.String
}) {}

/** A product as its row tells it; `price` is numeric's text. */
export interface ProductRow {
  readonly id: string
  readonly name: string
  readonly description: string | null
  readonly price: string
  readonly currency: string
  readonly stock: number
  readonly version: number
  readonly created_at: Date
  readonly updated_at: Date
}

/** What a product is made of. */
export interface NewProduct {
  readonly id: string
  readonly name: string
  readonly description: string | null
  readonly price: Money
  readonly stock: number
}

/** What may be changed of a product; a key that is absent stays as it is. */
export interface ProductChange {
  readonly name?: string
  readonly description?: string | null
  readonly price?: Money
  readonly stock?: number
}

/** How many pieces of which product. */
export interface Quantity {
  readonly productId: string
  readonly quantity: number
}

/** One entry for each product, in the order of ids: rows are locked in one order, so two orders never wait for each other. */
const summed = (quantities: ReadonlyArray<Quantity>): ReadonlyArray<Quantity> => {
  const sums = new Map<string, number>()
  for (const { productId, quantity } of quantities) sums.set(productId, (sums.get(productId) ?? 0) + quantity)
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([productId, quantity]) => ({ productId, quantity }))
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = sql`id, name, description, price, currency, stock, version::integer AS version, created_at, updated_at`

  const get = Effect.fn("ProductRepo.get")(function* (id: string) {
    const rows = yield* sql<ProductRow>`SELECT ${columns} FROM products WHERE id = ${id} AND deleted_at IS NULL`
    return yield* theRow("product", id, rows)
  })

  const list = Effect.fn("ProductRepo.list")(function* (afterId: string | undefined, limit: number) {
    return yield* sql<ProductRow>`SELECT ${columns} FROM products
      WHERE deleted_at IS NULL AND (${afterId ?? null}::uuid IS NULL OR id > ${afterId ?? null}::uuid)
      ORDER BY id LIMIT ${limit}`
  })

  /** Those of the ids that are sold, in no order. */
  const many = Effect.fn("ProductRepo.many")(function* (ids: ReadonlyArray<string>) {
    return yield* sql<ProductRow>`SELECT ${columns} FROM products WHERE id = ANY(${ids}::uuid[]) AND deleted_at IS NULL`
  })

  const insert = Effect.fn("ProductRepo.insert")(function* (product: NewProduct) {
    yield* sql`INSERT INTO products (id, name, description, price, currency, stock)
      VALUES (${product.id}, ${product.name}, ${product.description}, ${toDecimal(product.price)}::numeric, ${product.price.currency}, ${product.stock})`
    return yield* get(product.id)
  })

  const lock = (id: string) =>
    sql<{
      version: number
    }>`SELECT version::integer AS version FROM products WHERE id = ${id} AND deleted_at IS NULL FOR UPDATE`

  const update = Effect.fn("ProductRepo.update")(function* (
    id: string,
    change: ProductChange,
    expectedVersion?: number
  ) {
    yield* theRowAt("product", id, expectedVersion, yield* lock(id))
    const { price, ...plain } = change
    const all = {
      ...plain,
      ...(price === undefined ? {} : { price: toDecimal(price), currency: price.currency })
    }
    if (Object.keys(all).length > 0) yield* sql`UPDATE products SET ${sql.update(all)} WHERE id = ${id}`
    return yield* get(id)
  })

  /** Takes a product out of sale; its row stays for the orders that refer to it. */
  const remove = Effect.fn("ProductRepo.remove")(function* (id: string, expectedVersion?: number) {
    yield* theRowAt("product", id, expectedVersion, yield* lock(id))
    yield* sql`UPDATE products SET deleted_at = now() WHERE id = ${id}`
  })

  /** Takes pieces out of stock: all, or none (the caller's transaction rolls back). */
  const reserve = Effect.fn("ProductRepo.reserve")(function* (quantities: ReadonlyArray<Quantity>) {
    for (const { productId, quantity } of summed(quantities)) {
      const taken = yield* sql`UPDATE products SET stock = stock - ${quantity}
        WHERE id = ${productId} AND deleted_at IS NULL AND stock >= ${quantity} RETURNING 1`
      if (taken.length > 0) continue
      const sold = yield* sql`SELECT 1 FROM products WHERE id = ${productId} AND deleted_at IS NULL`
      return yield* sold.length > 0 ? new StockInsufficient({ productId }) : new ProductWithdrawn({ productId })
    }
  })

  /** Puts pieces back, also of a product that is not sold any more. */
  const release = Effect.fn("ProductRepo.release")(function* (quantities: ReadonlyArray<Quantity>) {
    for (const { productId, quantity } of summed(quantities))
      yield* sql`UPDATE products SET stock = stock + ${quantity} WHERE id = ${productId}`
  })

  return { get, list, many, insert, update, remove, reserve, release }
})

/** Keeps products and their stock, which never goes below nothing. */
export class ProductRepo extends Context.Service<ProductRepo>()("dropmate/persistence/orders/ProductRepo", { make }) {
  static readonly layer = Layer.effect(this, this.make)
}
