import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { defaultLimits } from "../../config/Limits.ts"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import {
  idempotencyHeader,
  idField,
  ifMatchHeader,
  objectField,
  pageOf,
  pageQuery,
  TimeField,
  textField,
  withETag
} from "../Field.ts"

/** What a vehicle may be. */
export const VehicleType = Schema.Literals(["bicycle", "scooter", "motorbike", "car", "van", "truck", "foot"])

/** What a client may say of a new vehicle. */
export const VehicleInput = Schema.Struct({
  type: VehicleType,
  plate: Schema.optionalKey(Schema.NullOr(textField(1, 20))),
  colour: Schema.optionalKey(Schema.NullOr(textField(1, 40))),
  capacity: Schema.optionalKey(objectField(defaultLimits.objectBytesMax))
})

/** A vehicle as the API shows one. */
export const Vehicle = Schema.Struct({
  id: idField("vehicle"),
  type: Schema.String,
  plate: Schema.NullOr(Schema.String),
  colour: Schema.NullOr(Schema.String),
  capacity: Schema.Json,
  created_at: TimeField,
  updated_at: TimeField
}).annotate({ identifier: "Vehicle" })

const id = { id: idField("vehicle") }
const reads = { permission: "vehicles.read", knownTo: "vehicles.read" } as const
const writes = { permission: "vehicles.write", knownTo: "vehicles.read" } as const

/** The fleet's vehicles. */
export class VehiclesApi extends HttpApiGroup.make("vehicles")
  .add(
    HttpApiEndpoint.get("list", "/", {
      query: { ...pageQuery, type: Schema.optionalKey(VehicleType) },
      success: pageOf(Vehicle)
    }).annotate(Access, { permission: "vehicles.read" }),
    HttpApiEndpoint.post("create", "/", {
      headers: idempotencyHeader,
      payload: VehicleInput,
      success: Vehicle.pipe(HttpApiSchema.status(201))
    }).annotate(Access, { permission: "vehicles.write" }),
    HttpApiEndpoint.get("get", "/:id", { params: id, success: withETag(Vehicle) }).annotate(Access, reads),
    HttpApiEndpoint.patch("update", "/:id", {
      params: id,
      headers: ifMatchHeader,
      payload: Schema.Struct({ ...VehicleInput.fields, type: Schema.optionalKey(VehicleType) }),
      success: withETag(Vehicle)
    }).annotate(Access, writes),
    HttpApiEndpoint.delete("remove", "/:id", {
      params: id,
      headers: ifMatchHeader,
      success: HttpApiSchema.NoContent
    }).annotate(Access, writes)
  )
  .middleware(Authenticated)
  .prefix("/vehicles") {}
