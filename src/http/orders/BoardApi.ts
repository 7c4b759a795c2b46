import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import { idField, pageOf, pageQuery, TimeField } from "../Field.ts"
import { CommittedEta } from "../shipments/ShipmentsApi.ts"
import { ShownMoney } from "./CommerceField.ts"

/** An order as a row of the board; `changed_at` is the newest of the order's, its shipment's and its estimate's. */
export const BoardOrder = Schema.Struct({
  id: idField("order"),
  external_id: Schema.NullOr(Schema.String),
  status: Schema.String,
  customer_name: Schema.NullOr(Schema.String),
  address: Schema.Struct({ line1: Schema.String, city: Schema.String }),
  pieces: Schema.Int,
  total: ShownMoney,
  window: Schema.NullOr(Schema.Struct({ start: TimeField, end: TimeField })),
  shipment_id: Schema.NullOr(idField("shipment")),
  shipment_status: Schema.NullOr(Schema.String),
  is_picked_up: Schema.Boolean,
  is_offered: Schema.Boolean,
  promised_arrival_at: Schema.NullOr(TimeField),
  eta: Schema.NullOr(CommittedEta),
  driver: Schema.NullOr(Schema.Struct({ id: idField("driver"), name: Schema.String })),
  created_at: TimeField,
  changed_at: TimeField,
  ended_at: Schema.NullOr(TimeField)
}).annotate({ identifier: "BoardOrder" })

/** The dispatchers' board: orders with what of their shipments is planned by, in one list. */
export class BoardApi extends HttpApiGroup.make("board")
  .add(
    HttpApiEndpoint.get("list", "/", {
      query: { ...pageQuery, changed_since: Schema.optionalKey(TimeField) },
      success: pageOf(BoardOrder)
    })
      .annotate(Access, { permission: "orders.read" })
      .annotate(
        OpenApi.Description,
        "Submitted and confirmed orders, and those that ended in the last day; the newest first. `changed_since` gives only what changed since, so that a board is kept current by one request for any number of changes."
      )
  )
  .middleware(Authenticated)
  .prefix("/board") {}
