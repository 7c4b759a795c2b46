import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"

/** What `/metrics` is written in. */
export const openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

const ReadinessReport = Schema.Struct({
  status: Schema.Literals(["ready", "not_ready"]),
  checks: Schema.Array(
    Schema.Struct({ name: Schema.String, ok: Schema.Boolean, detail: Schema.optionalKey(Schema.String) })
  )
})

/** What probes and scrapers ask. Public, and without anything of a customer. */
export class OpsApi extends HttpApiGroup.make("ops").add(
  HttpApiEndpoint.get("livez", "/livez", { success: Schema.Struct({ status: Schema.Literal("ok") }) }),
  HttpApiEndpoint.get("readyz", "/readyz", {
    success: [ReadinessReport, ReadinessReport.pipe(HttpApiSchema.status(503))]
  }),
  HttpApiEndpoint.get("metrics", "/metrics", {
    success: Schema.String.pipe(HttpApiSchema.asText({ contentType: openMetricsType }))
  }).annotate(OpenApi.Description, "OpenMetrics 1.0.")
) {}
