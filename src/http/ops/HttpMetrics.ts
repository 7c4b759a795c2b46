import { Effect, Metric } from "effect"

const requests = Metric.counter("dropmate_http_requests_total", {
  description: "REST requests by route template, method and status",
  incremental: true
})
const durations = Metric.histogram("dropmate_http_request_duration_seconds", {
  description: "time from the request's head to its answer, by route template",
  boundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
})
const authFailures = Metric.counter("dropmate_auth_failures_total", {
  description: "refused credentials by reason",
  incremental: true
})
const rateLimited = Metric.counter("dropmate_http_rate_limited_total", {
  description: "requests answered with 429 by quota",
  incremental: true
})

/** What REST counts. */
export const httpMetrics = {
  /** An answered request. `route` is a template, never a path. */
  requestAnswered: (route: string, method: string, status: number, durationMs: number): Effect.Effect<void> =>
    Effect.andThen(
      Metric.update(Metric.withAttributes(requests, { route, method, status: String(status) }), 1),
      Metric.update(Metric.withAttributes(durations, { route }), durationMs / 1000)
    ),
  /** A refused credential. */
  authFailed: (reason: string): Effect.Effect<void> =>
    Metric.update(Metric.withAttributes(authFailures, { reason }), 1),
  /** A request over its quota. */
  requestsRefused: (quota: string): Effect.Effect<void> =>
    Metric.update(Metric.withAttributes(rateLimited, { quota }), 1)
}
