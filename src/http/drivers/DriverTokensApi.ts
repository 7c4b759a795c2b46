import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { defaultLimits } from "../../config/Limits.ts"
import { Access } from "../Access.ts"
import { Authenticated } from "../Authenticated.ts"
import { idField, intField } from "../Field.ts"

const Ttl = intField(1, defaultLimits.provisionedTokenTtlS)
const token = { access_token: Schema.String, expires_in_s: Schema.Int }
const issues = { permission: "driver_tokens.issue" } as const

/** Access tokens for drivers' phones without a login. Not idempotent: a token is shown once and stored nowhere. */
export class DriverTokensApi extends HttpApiGroup.make("driverTokens")
  .add(
    HttpApiEndpoint.post("issue", "/:id/tokens", {
      params: { id: idField("driver") },
      payload: [Schema.Struct({ ttl_s: Schema.optionalKey(Ttl) }), Schema.Null],
      success: Schema.Struct(token).pipe(HttpApiSchema.status(201))
    }).annotate(Access, { ...issues, knownTo: "drivers.read" }),
    HttpApiEndpoint.post("issueMany", "/tokens", {
      payload: Schema.Struct({
        driver_ids: Schema.Array(idField("driver")).check(
          Schema.isMinLength(1),
          Schema.isMaxLength(defaultLimits.tokensPerRequestMax)
        ),
        ttl_s: Schema.optionalKey(Ttl)
      }),
      success: Schema.Struct({
        data: Schema.Array(Schema.Struct({ driver_id: idField("driver"), ...token }))
      }).pipe(HttpApiSchema.status(201))
    })
      .annotate(Access, issues)
      .annotate(OpenApi.Description, "All or none: an unknown or suspended driver among them and nothing is issued.")
  )
  .middleware(Authenticated)
  .prefix("/drivers") {}
