import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import {
  EmailField,
  idempotencyHeader,
  idField,
  ifMatchHeader,
  NameField,
  NewPasswordField,
  PhoneField,
  pageOf,
  pageQuery,
  TimeField,
  textField,
  withETag
} from "../Field.ts"
import { VehicleInput } from "./VehiclesApi.ts"

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

const id = { id: idField("driver") }
const reads = { permission: "drivers.read", orOwnDriver: true, knownTo: "drivers.read" } as const
const writes = { permission: "drivers.write", knownTo: "drivers.read" } as const

/** Drivers. */
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
      .annotate(
        OpenApi.Description,
        "Without a password the driver is invited, and works with provisioned tokens until one is set."
      ),
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
    HttpApiEndpoint.delete("remove", "/:id", {
      params: id,
      headers: ifMatchHeader,
      success: HttpApiSchema.NoContent
    }).annotate(Access, writes),
    HttpApiEndpoint.delete("endSessions", "/:id/sessions", { params: id, success: HttpApiSchema.NoContent })
      .annotate(Access, writes)
      .annotate(
        OpenApi.Description,
        "For a lost phone: ends every login and provisioned token of the driver, and closes their sockets."
      )
  )
  .middleware(Authenticated)
  .prefix("/drivers") {}
