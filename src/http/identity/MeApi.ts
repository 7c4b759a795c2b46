import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Authenticated } from "../Authenticated.ts"
import {
  idField,
  ifMatchHeader,
  NameField,
  NewPasswordField,
  PasswordField,
  PhoneField,
  pageOf,
  pageQuery,
  TimeField,
  withETag
} from "../Field.ts"

/** A user as the API shows one. */
export const User = Schema.Struct({
  id: idField("user"),
  email: Schema.NullOr(Schema.String),
  phone: Schema.NullOr(Schema.String),
  name: Schema.String,
  role: Schema.String,
  roles: Schema.Array(Schema.String),
  status: Schema.String,
  driver_id: Schema.NullOr(idField("driver")),
  customer_id: Schema.NullOr(idField("customer")),
  created_at: TimeField,
  updated_at: TimeField
}).annotate({ identifier: "User" })

/** A login that is alive. */
export const LoginSession = Schema.Struct({
  id: idField("authSession"),
  kind: Schema.String,
  current: Schema.Boolean,
  device: Schema.Struct({
    name: Schema.NullOr(Schema.String),
    user_agent: Schema.NullOr(Schema.String),
    address: Schema.NullOr(Schema.String)
  }),
  created_at: TimeField,
  last_used_at: TimeField,
  expires_at: TimeField
}).annotate({ identifier: "LoginSession" })

/** The caller's own account and logins. */
export class MeApi extends HttpApiGroup.make("me")
  .add(
    HttpApiEndpoint.get("get", "/", { success: withETag(User) }),
    HttpApiEndpoint.patch("update", "/", {
      headers: ifMatchHeader,
      payload: Schema.Struct({
        name: Schema.optionalKey(NameField),
        phone: Schema.optionalKey(Schema.NullOr(PhoneField)),
        password: Schema.optionalKey(NewPasswordField),
        current_password: Schema.optionalKey(PasswordField)
      }),
      success: withETag(User)
    }).annotate(OpenApi.Description, "A new password needs the current one, and ends every other login of the user."),
    HttpApiEndpoint.get("sessions", "/sessions", { query: pageQuery, success: pageOf(LoginSession) }),
    HttpApiEndpoint.delete("endSessions", "/sessions", { success: HttpApiSchema.NoContent }).annotate(
      OpenApi.Description,
      "Ends every login of the user, this one included."
    ),
    HttpApiEndpoint.delete("endSession", "/sessions/:id", {
      params: { id: idField("authSession") },
      success: HttpApiSchema.NoContent
    })
  )
  .middleware(Authenticated)
  .prefix("/me") {}
