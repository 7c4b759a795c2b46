import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { defaultLimits } from "../../config/Limits.ts"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import {
  idempotencyHeader,
  idField,
  ifMatchHeader,
  intField,
  NameField,
  pageOf,
  pageQuery,
  TimeField,
  textField,
  withETag
} from "../Field.ts"
import { MoneyField, ShownMoney } from "./CommerceField.ts"

/** A product as the API shows one. `stock` is what can still be ordered. */
export const Product = Schema.Struct({
  id: idField("product"),
  name: Schema.String,
  description: Schema.NullOr(Schema.String),
  price: ShownMoney,
  stock: Schema.Int,
  created_at: TimeField,
  updated_at: TimeField
}).annotate({ identifier: "Product" })

const fields = {
  name: NameField,
  description: Schema.optionalKey(Schema.NullOr(textField(1, 2000))),
  price: MoneyField,
  stock: intField(0, defaultLimits.stockMax)
}

const id = { id: idField("product") }
const reads = { permission: "products.read", knownTo: "products.read" } as const
const writes = { permission: "products.write", knownTo: "products.read" } as const

/** What can be ordered. */
export class ProductsApi extends HttpApiGroup.make("products")
  .add(
    HttpApiEndpoint.get("list", "/", { query: pageQuery, success: pageOf(Product) }).annotate(Access, {
      permission: "products.read"
    }),
    HttpApiEndpoint.post("create", "/", {
      headers: idempotencyHeader,
      payload: Schema.Struct(fields),
      success: Product.pipe(HttpApiSchema.status(201))
    }).annotate(Access, { permission: "products.write" }),
    HttpApiEndpoint.get("get", "/:id", { params: id, success: withETag(Product) }).annotate(Access, reads),
    HttpApiEndpoint.patch("update", "/:id", {
      params: id,
      headers: ifMatchHeader,
      payload: Schema.Struct({
        name: Schema.optionalKey(fields.name),
        description: fields.description,
        price: Schema.optionalKey(fields.price),
        stock: Schema.optionalKey(fields.stock)
      }),
      success: withETag(Product)
    }).annotate(Access, writes),
    HttpApiEndpoint.delete("remove", "/:id", {
      params: id,
      headers: ifMatchHeader,
      success: HttpApiSchema.NoContent
    }).annotate(Access, writes)
  )
  .middleware(Authenticated)
  .prefix("/products") {}
