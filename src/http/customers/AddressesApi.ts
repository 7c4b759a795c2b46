import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import { idempotencyHeader, idField, ifMatchHeader, pageOf, pageQuery, TimeField, withETag } from "../Field.ts"
import { AddressChange, AddressInput } from "./AddressField.ts"

/** An address of a customer's list. */
export const Address = Schema.Struct({
  id: idField("address"),
  label: Schema.NullOr(Schema.String),
  line1: Schema.String,
  line2: Schema.NullOr(Schema.String),
  city: Schema.String,
  region: Schema.NullOr(Schema.String),
  postal_code: Schema.NullOr(Schema.String),
  country: Schema.String,
  lat: Schema.Finite,
  lng: Schema.Finite,
  instructions: Schema.NullOr(Schema.String),
  created_at: TimeField,
  updated_at: TimeField
}).annotate({ identifier: "Address" })

const id = { id: idField("address") }
const own = { permission: "customers.own" } as const

/** A customer's own addresses. Orders keep the address they were placed with, whatever becomes of the list. */
export class AddressesApi extends HttpApiGroup.make("addresses")
  .add(
    HttpApiEndpoint.get("list", "/", { query: pageQuery, success: pageOf(Address) }).annotate(Access, own),
    HttpApiEndpoint.post("create", "/", {
      headers: idempotencyHeader,
      payload: AddressInput,
      success: Address.pipe(HttpApiSchema.status(201))
    }).annotate(Access, own),
    HttpApiEndpoint.get("get", "/:id", { params: id, success: withETag(Address) }).annotate(Access, own),
    HttpApiEndpoint.patch("update", "/:id", {
      params: id,
      headers: ifMatchHeader,
      payload: AddressChange,
      success: withETag(Address)
    }).annotate(Access, own),
    HttpApiEndpoint.delete("remove", "/:id", {
      params: id,
      headers: ifMatchHeader,
      success: HttpApiSchema.NoContent
    }).annotate(Access, own)
  )
  .middleware(Authenticated)
  .prefix("/customers/me/addresses") {}
