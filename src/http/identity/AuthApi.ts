import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { EmailField, idField, NameField, NewPasswordField, PasswordField, PhoneField, textField } from "../Field.ts"

const SignedInUser = Schema.Struct({ id: idField("user"), email: Schema.NullOr(Schema.String), role: Schema.String })

/** What a login and a refresh answer. */
export const Tokens = Schema.Struct({
  access_token: Schema.String,
  refresh_token: Schema.String,
  token_type: Schema.Literal("Bearer"),
  expires_in_s: Schema.Int,
  user: SignedInUser
}).annotate({ identifier: "Tokens" })

const RefreshToken = Schema.String.check(Schema.isMaxLength(512))

/** Registration, login, refresh and logout. */
export class AuthApi extends HttpApiGroup.make("auth")
  .add(
    HttpApiEndpoint.post("register", "/register", {
      payload: Schema.Struct({
        email: EmailField,
        password: NewPasswordField,
        name: NameField,
        phone: Schema.optionalKey(PhoneField)
      }),
      success: Schema.Struct({
        user: Schema.Struct({
          id: idField("user"),
          email: Schema.NullOr(Schema.String),
          role: Schema.String,
          name: Schema.String
        }),
        customer_id: idField("customer")
      }).pipe(HttpApiSchema.status(201))
    }),
    HttpApiEndpoint.post("login", "/login", {
      payload: Schema.Struct({
        email: EmailField,
        password: PasswordField,
        device_name: Schema.optionalKey(textField(1, 100))
      }),
      success: Tokens
    }),
    HttpApiEndpoint.post("refresh", "/refresh", {
      payload: Schema.Struct({ refresh_token: RefreshToken }),
      success: Tokens
    }),
    HttpApiEndpoint.post("logout", "/logout", {
      payload: [Schema.Struct({ refresh_token: Schema.optionalKey(RefreshToken) }), Schema.Null],
      success: HttpApiSchema.NoContent
    }).annotate(
      OpenApi.Description,
      "Ends the session of the refresh token, or, without one, that of the access token."
    )
  )
  .prefix("/auth") {}
