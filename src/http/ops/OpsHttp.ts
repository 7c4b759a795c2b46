import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Api } from "../Api.ts"
import { openMetrics } from "./OpenMetrics.ts"
import { openMetricsType } from "./OpsApi.ts"
import { Readiness } from "./Readiness.ts"

/** The answer of `/readyz`. */
export const readyzAnswer = Effect.fn("OpsHttp.readyz")(function* (readiness: Readiness["Service"]) {
  const checks = yield* readiness.report
  const ready = checks.every((check) => check.ok)
  const body = JSON.stringify({ status: ready ? "ready" : "not_ready", checks })
  return HttpServerResponse.text(body, { status: ready ? 200 : 503, contentType: "application/json" })
})

/** The answer of `/metrics`. */
export const metricsAnswer = Effect.fn("OpsHttp.metrics")(function* () {
  return HttpServerResponse.text(yield* openMetrics, { contentType: openMetricsType })
})

/** Handlers of OpsApi. */
export const OpsHttp = HttpApiBuilder.group(
  Api,
  "ops",
  Effect.fnUntraced(function* (handlers) {
    const readiness = yield* Readiness
    return handlers.handleAll({
      livez: () => Effect.succeed({ status: "ok" as const }),
      readyz: () => readyzAnswer(readiness),
      metrics: () => metricsAnswer()
    })
  })
)
