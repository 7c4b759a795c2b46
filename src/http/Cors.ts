/** Which pages of other origins may call. */
export interface CorsPolicy {
  /** As a browser sends it in `Origin`: scheme, host and port, without a path. */
  readonly allowedOrigins: ReadonlySet<string>
}

const exposedHeaders =
  "ETag, Location, X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, Idempotent-Replayed, Upload-Offset, Upload-Length"
const allowedHeaders =
  "Authorization, Content-Type, Accept, If-Match, Idempotency-Key, X-Request-Id, Last-Event-ID, Upload-Offset"
const preflightSeconds = 600

/**
 * CORS headers of an answer. Only an origin on the list is named, exactly; there is no wildcard, and credentials are not
 * allowed, since the API takes tokens and no cookies. An origin that is not allowed gets none, and its browser refuses.
 */
export const corsHeaders = (policy: CorsPolicy, origin: string | undefined): Readonly<Record<string, string>> => {
  if (origin === undefined) return {}
  if (!policy.allowedOrigins.has(origin)) return { vary: "Origin" }
  return {
    vary: "Origin",
    "access-control-allow-origin": origin,
    "access-control-expose-headers": exposedHeaders,
    "cross-origin-resource-policy": "cross-origin"
  }
}

/** Headers of the answer to a preflight. */
export const preflightHeaders = (
  policy: CorsPolicy,
  origin: string | undefined,
  methods: ReadonlyArray<string>
): Readonly<Record<string, string>> =>
  origin === undefined || !policy.allowedOrigins.has(origin)
    ? {}
    : {
        "access-control-allow-methods": methods.join(", "),
        "access-control-allow-headers": allowedHeaders,
        "access-control-max-age": String(preflightSeconds)
      }
