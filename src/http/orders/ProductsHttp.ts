import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Limits } from "../../config/Limits.ts"
import { newId } from "../../persistence/NewId.ts"
import { ProductRepo, type ProductRow } from "../../persistence/orders/ProductRepo.ts"
import { Api } from "../Api.ts"
import { idCursor } from "../Cursor.ts"
import { etagOf, expectedVersion, versioned } from "../ETag.ts"
import { Idempotency } from "../Idempotency.ts"
import { PrincipalScope } from "../PrincipalScope.ts"
import { showMoney } from "./CommerceField.ts"
import { Product } from "./ProductsApi.ts"

const productCursor = idCursor("products")

const showProduct = (product: ProductRow): typeof Product.Type => ({
  id: product.id,
  name: product.name,
  description: product.description,
  price: showMoney(product.price, product.currency),
  stock: product.stock,
  created_at: product.created_at,
  updated_at: product.updated_at
})

/** Handlers of ProductsApi. */
export const ProductsHttp = HttpApiBuilder.group(
  Api,
  "products",
  Effect.fnUntraced(function* (handlers) {
    const limits = yield* Limits
    const scope = yield* PrincipalScope
    const idempotency = yield* Idempotency
    const products = yield* ProductRepo

    return handlers.handleAll({
      list: Effect.fn("ProductsHttp.list")(function* ({ query }) {
        const limit = query.limit ?? limits.listLimitDefault
        const after = yield* productCursor.read(query.cursor)
        const rows = yield* scope.run(products.list(after, limit + 1))
        return productCursor.page(rows, limit, (row) => row.id, showProduct)
      }),
      create: Effect.fn("ProductsHttp.create")(function* ({ payload }) {
        const made = Effect.flatMap(newId, (id) =>
          products.insert({ ...payload, id, description: payload.description ?? null })
        )
        const headers = () => ({ etag: etagOf(1) })
        return yield* idempotency.once({ status: 201, success: Product, headers }, Effect.map(made, showProduct))
      }),
      get: Effect.fn("ProductsHttp.get")(function* ({ params }) {
        const product = yield* scope.run(products.get(params.id))
        return versioned(product.version, showProduct(product))
      }),
      update: Effect.fn("ProductsHttp.update")(function* ({ params, payload, headers }) {
        const version = yield* expectedVersion(headers["if-match"])
        const product = yield* scope.run(products.update(params.id, payload, version))
        return versioned(product.version, showProduct(product))
      }),
      remove: Effect.fn("ProductsHttp.remove")(function* ({ params, headers }) {
        const version = yield* expectedVersion(headers["if-match"])
        yield* scope.run(products.remove(params.id, version))
      })
    })
  })
)
