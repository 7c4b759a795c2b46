import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { defaultLimits } from "../config/Limits.ts"
import { Access } from "./Access.ts"
import { Authenticated } from "./Authenticated.ts"
import {
  EmailField,
  idempotencyHeader,
  idField,
  ifMatchHeader,
  NameField,
  NewPasswordField,
  objectField,
  pageOf,
  pageQuery,
  PhoneField,
  textField,
  TimeField,
  withETag
} from "./Fields.ts"
import { Vehicle, VehicleInput } from "./VehiclesApi.ts"

/** A driver as the API shows one. */
export const Driver = Schema.Struct({
  id: idField("driver"),
  user_id: idField("user"),
  name: Schema.String,
  email: Schema.NullOr(Schema.String),
  phone: Schema.NullOr(Schema.String),
  status: Schema.String,
  duty: Schema.NullOr(Schema.String),
  duty_changed_at: Schema.NullOr(TimeField),
  vehicle_id: Schema.NullOr(idField("vehicle")),
  created_at: TimeField,
  updated_at: TimeField
}).annotate({ identifier: "Driver" })

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

/** Drivers, their profiles, vehicles, phones and connections. */
export class DriversApi extends HttpApiGroup.make("drivers")
  .add(
    HttpApiEndpoint.get("list", "/", {
      query: {
        ...pageQuery,
        status: Schema.optionalKey(Schema.Literals(["invited", "active", "suspended"])),
        duty: Schema.optionalKey(Schema.Literals(["on", "off", "break"])),
        q: Schema.optionalKey(textField(1, 100))
      },
      success: pageOf(Driver)
    }).annotate(Access, { permission: "drivers.read" }),
    HttpApiEndpoint.post("create", "/", {
      headers: idempotencyHeader,
      payload: Schema.Struct({
        email: EmailField,
        password: Schema.optionalKey(NewPasswordField),
        name: NameField,
        phone: Schema.optionalKey(Schema.NullOr(PhoneField)),
        vehicle: Schema.optionalKey(VehicleInput)
      }),
      success: Driver.pipe(HttpApiSchema.status(201))
    })
      .annotate(Access, { permission: "drivers.write" })
      .annotate(OpenApi.Description, "Without a password the driver is invited, and works with provisioned tokens until one is set."),
    HttpApiEndpoint.get("get", "/:id", { params: id, success: withETag(Driver) }).annotate(Access, reads),
    HttpApiEndpoint.patch("update", "/:id", {
      params: id,
      headers: ifMatchHeader,
      payload: Schema.Struct({
        name: Schema.optionalKey(NameField),
        email: Schema.optionalKey(EmailField),
        phone: Schema.optionalKey(Schema.NullOr(PhoneField)),
        status: Schema.optionalKey(Schema.Literals(["active", "suspended"]))
      }),
      success: withETag(Driver)
    })
      .annotate(Access, writes)
      .annotate(OpenApi.Description, "Suspending a driver ends their logins and closes their sockets."),
    HttpApiEndpoint.delete("remove", "/:id", { params: id, headers: ifMatchHeader, success: HttpApiSchema.NoContent }).annotate(Access, writes),
    HttpApiEndpoint.get("profile", "/:id/profile", { params: id, success: withETag(DriverProfile) }).annotate(Access, reads),
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
    HttpApiEndpoint.delete("releaseVehicle", "/:id/vehicle", { params: id, success: HttpApiSchema.NoContent }).annotate(Access, writes),
    HttpApiEndpoint.get("devices", "/:id/devices", {
      params: id,
      success: Schema.Struct({ data: Schema.Array(Device), next_cursor: Schema.Null, has_more: Schema.Boolean })
    }).annotate(Access, reads),
    HttpApiEndpoint.get("sessions", "/:id/sessions", { params: id, query: pageQuery, success: pageOf(DriverSession) }).annotate(Access, reads),
    HttpApiEndpoint.delete("endSessions", "/:id/sessions", { params: id, success: HttpApiSchema.NoContent })
      .annotate(Access, writes)
      .annotate(OpenApi.Description, "For a lost phone: ends every login and provisioned token of the driver, and closes their sockets.")
  )
  .middleware(Authenticated)
  .prefix("/drivers") {}
