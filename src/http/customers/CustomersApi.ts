import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import { idField, ifMatchHeader, NameField, pageOf, pageQuery, TimeField, withETag } from "../Field.ts"

/** A customer as the API shows one. */
export const Customer = Schema.Struct({
  id: idField("customer"),
  user_id: Schema.NullOr(idField("user")),
  name: Schema.String,
  email: Schema.NullOr(Schema.String),
  phone: Schema.NullOr(Schema.String),
  marketing_opt_in: Schema.Boolean,
  created_at: TimeField,
  updated_at: TimeField
}).annotate({ identifier: "Customer" })

const own = { permission: "customers.own" } as const

/** Customers: themselves, and for staff all of them. */
export class CustomersApi extends HttpApiGroup.make("customers")
  .add(
    HttpApiEndpoint.get("me", "/me", { success: withETag(Customer) }).annotate(Access, own),
    HttpApiEndpoint.patch("updateMe", "/me", {
      headers: ifMatchHeader,
      payload: Schema.Struct({
        name: Schema.optionalKey(NameField),
        marketing_opt_in: Schema.optionalKey(Schema.Boolean)
      }),
      success: withETag(Customer)
    }).annotate(Access, own),
    HttpApiEndpoint.get("list", "/", { query: pageQuery, success: pageOf(Customer) }).annotate(Access, {
      permission: "customers.read"
    }),
    HttpApiEndpoint.get("get", "/:id", { params: { id: idField("customer") }, success: withETag(Customer) }).annotate(
      Access,
      { permission: "customers.read", knownTo: "customers.read" }
    )
  )
  .middleware(Authenticated)
  .prefix("/customers") {}
