import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { defaultLimits } from "../../config/Limits.ts"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import { idField, ifMatchHeader, objectField, pageOf, pageQuery, TimeField, textField, withETag } from "../Field.ts"
import { Vehicle } from "./VehiclesApi.ts"

/** What a driver drives, may drive, and where. */
export const DriverProfile = Schema.Struct({
  driver_id: idField("driver"),
  vehicle_id: Schema.NullOr(idField("vehicle")),
  vehicle_preference: Schema.NullOr(Schema.String),
  license: Schema.Json,
  service_region: Schema.NullOr(Schema.Json),
  updated_at: TimeField
}).annotate({ identifier: "DriverProfile" })

const Device = Schema.Struct({
  id: idField("device"),
  platform: Schema.String,
  device_identifier: Schema.String,
  has_push_token: Schema.Boolean,
  created_at: TimeField,
  last_seen_at: TimeField
}).annotate({ identifier: "DriverDevice" })

const DriverSession = Schema.Struct({
  id: idField("session"),
  device_id: idField("device"),
  app_version: Schema.NullOr(Schema.String),
  capabilities: Schema.Array(Schema.String),
  node: Schema.String,
  started_at: TimeField,
  last_seen_at: TimeField,
  ended_at: Schema.NullOr(TimeField),
  end_code: Schema.NullOr(Schema.Int)
}).annotate({ identifier: "DriverSession" })

const ServiceRegion = objectField(defaultLimits.objectBytesMax).check(
  Schema.makeFilter((region) => region.type === "Polygon" || region.type === "MultiPolygon", {
    message: "is a GeoJSON Polygon or MultiPolygon",
    description: "is a GeoJSON Polygon or MultiPolygon"
  })
)

const id = { id: idField("driver") }
const reads = { permission: "drivers.read", orOwnDriver: true, knownTo: "drivers.read" } as const
const writes = { permission: "drivers.write", knownTo: "drivers.read" } as const

/** What belongs to a driver: profile, vehicle, phones and their connections. */
export class DriverProfilesApi extends HttpApiGroup.make("driverProfiles")
  .add(
    HttpApiEndpoint.get("profile", "/:id/profile", { params: id, success: withETag(DriverProfile) }).annotate(
      Access,
      reads
    ),
    HttpApiEndpoint.patch("updateProfile", "/:id/profile", {
      params: id,
      headers: ifMatchHeader,
      payload: Schema.Struct({
        vehicle_id: Schema.optionalKey(Schema.NullOr(idField("vehicle"))),
        vehicle_preference: Schema.optionalKey(Schema.NullOr(textField(1, 40))),
        license: Schema.optionalKey(objectField(defaultLimits.objectBytesMax)),
        service_region: Schema.optionalKey(Schema.NullOr(ServiceRegion))
      }),
      success: withETag(DriverProfile)
    }).annotate(Access, writes),
    HttpApiEndpoint.get("vehicle", "/:id/vehicle", { params: id, success: withETag(Vehicle) }).annotate(Access, reads),
    HttpApiEndpoint.put("assignVehicle", "/:id/vehicle", {
      params: id,
      payload: Schema.Struct({ vehicle_id: idField("vehicle") }),
      success: withETag(Vehicle)
    }).annotate(Access, writes),
    HttpApiEndpoint.delete("releaseVehicle", "/:id/vehicle", { params: id, success: HttpApiSchema.NoContent }).annotate(
      Access,
      writes
    ),
    HttpApiEndpoint.get("devices", "/:id/devices", {
      params: id,
      success: Schema.Struct({ data: Schema.Array(Device), next_cursor: Schema.Null, has_more: Schema.Boolean })
    }).annotate(Access, reads),
    HttpApiEndpoint.get("sessions", "/:id/sessions", {
      params: id,
      query: pageQuery,
      success: pageOf(DriverSession)
    }).annotate(Access, reads)
  )
  .middleware(Authenticated)
  .prefix("/drivers") {}
