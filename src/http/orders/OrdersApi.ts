import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { defaultLimits } from "../../config/Limits.ts"
import { orderStatuses } from "../../domain/Order.ts"
import { proofTypes } from "../../domain/TaskPayload.ts"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import { AddressInput } from "../customers/AddressField.ts"
import {
  EmailField,
  emptyPayload,
  idempotencyHeader,
  idField,
  intField,
  NameField,
  PhoneField,
  pageOf,
  pageQuery,
  TimeField,
  textField,
  withETag
} from "../Field.ts"
import { LatField, LngField, reasonPayload, ShownMoney, WindowField } from "./CommerceField.ts"

const Item = Schema.Struct({
  product_id: idField("product"),
  name: Schema.String,
  quantity: Schema.Int,
  unit_price: ShownMoney
})

const Place = Schema.Struct({
  line1: Schema.NullOr(Schema.String),
  lat: Schema.Finite,
  lng: Schema.Finite
})

/** An order as the API shows one. */
export const Order = Schema.Struct({
  id: idField("order"),
  customer_id: Schema.NullOr(idField("customer")),
  status: Schema.String,
  channel: Schema.String,
  external_id: Schema.NullOr(Schema.String),
  total: ShownMoney,
  items: Schema.Array(Item),
  delivery_address: Schema.Struct({
    id: idField("address"),
    line1: Schema.String,
    line2: Schema.NullOr(Schema.String),
    city: Schema.String,
    region: Schema.NullOr(Schema.String),
    postal_code: Schema.NullOr(Schema.String),
    country: Schema.String,
    lat: Schema.Finite,
    lng: Schema.Finite,
    instructions: Schema.NullOr(Schema.String)
  }),
  pickup: Schema.NullOr(Place),
  window: Schema.NullOr(Schema.Struct({ start: TimeField, end: TimeField })),
  contact: Schema.NullOr(
    Schema.Struct({
      name: Schema.String,
      phone: Schema.NullOr(Schema.String),
      email: Schema.NullOr(Schema.String)
    })
  ),
  notes: Schema.NullOr(Schema.String),
  delivery_requirements: Schema.NullOr(Schema.Array(Schema.String)),
  parcel_barcode: Schema.NullOr(Schema.String),
  shipment_id: Schema.NullOr(idField("shipment")),
  shipment_status: Schema.NullOr(Schema.String),
  payment_status: Schema.NullOr(Schema.String),
  created_at: TimeField,
  updated_at: TimeField
}).annotate({ identifier: "Order" })

/** What a client asks for. */
export const OrderInput = Schema.Struct({
  items: Schema.Array(
    Schema.Struct({ product_id: idField("product"), quantity: intField(1, defaultLimits.itemQuantityMax) })
  ).check(Schema.isMinLength(1), Schema.isMaxLength(defaultLimits.itemsPerOrderMax)),
  delivery_address: Schema.optionalKey(AddressInput),
  delivery_address_id: Schema.optionalKey(idField("address")),
  pickup: Schema.optionalKey(
    Schema.Struct({ line1: Schema.optionalKey(textField(1, 200)), lat: LatField, lng: LngField })
  ),
  window: Schema.optionalKey(WindowField),
  contact: Schema.optionalKey(
    Schema.Struct({
      name: NameField,
      phone: Schema.optionalKey(PhoneField),
      email: Schema.optionalKey(EmailField)
    })
  ),
  channel: Schema.Literals(["web", "app", "wechat"]),
  external_id: Schema.optionalKey(textField(1, 100)),
  customer_id: Schema.optionalKey(idField("customer")),
  notes: Schema.optionalKey(textField(1, 500)),
  delivery_requirements: Schema.optionalKey(
    Schema.Array(Schema.Literals(proofTypes)).check(Schema.isMaxLength(proofTypes.length))
  ),
  parcel_barcode: Schema.optionalKey(textField(1, 200)),
  submit: Schema.optionalKey(Schema.Boolean)
})

const id = { id: idField("order") }
const uses = { permission: "orders.use", knownTo: "orders.use" } as const
const changed = { params: id, headers: idempotencyHeader, success: Order }

/** Orders: a customer's own, and for staff all of them. */
export class OrdersApi extends HttpApiGroup.make("orders")
  .add(
    HttpApiEndpoint.get("list", "/", {
      query: {
        ...pageQuery,
        status: Schema.optionalKey(Schema.Literals(orderStatuses)),
        customer_id: Schema.optionalKey(idField("customer")),
        external_id: Schema.optionalKey(textField(1, 100))
      },
      success: pageOf(Order)
    })
      .annotate(Access, { permission: "orders.use" })
      .annotate(OpenApi.Description, "The newest first."),
    HttpApiEndpoint.post("place", "/", {
      headers: idempotencyHeader,
      payload: OrderInput,
      success: Order.pipe(HttpApiSchema.status(201))
    })
      .annotate(Access, { permission: "orders.use" })
      .annotate(
        OpenApi.Description,
        "A draft, or with `submit` an order whose stock is taken. Staff order for `customer_id`, or for a guest, who is `contact`."
      ),
    HttpApiEndpoint.get("get", "/:id", { params: id, success: withETag(Order) }).annotate(Access, uses),
    HttpApiEndpoint.post("submit", "/:id/submit", { ...changed, payload: emptyPayload }).annotate(Access, uses),
    HttpApiEndpoint.post("confirm", "/:id/confirm", { ...changed, payload: emptyPayload })
      .annotate(Access, { permission: "orders.confirm", knownTo: "orders.read", orKnownToItsCustomer: true })
      .annotate(OpenApi.Description, "Begins the shipment."),
    HttpApiEndpoint.post("cancel", "/:id/cancel", { ...changed, payload: reasonPayload })
      .annotate(Access, uses)
      .annotate(
        OpenApi.Description,
        "A customer can until a driver has the shipment, staff until it is picked up. What was taken from stock goes back."
      )
  )
  .middleware(Authenticated)
  .prefix("/orders") {}
