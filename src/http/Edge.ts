import { Cause, Clock, Effect, Option } from "effect"
import { HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { newId } from "../persistence/NewId.ts"
import { type CorsPolicy, corsHeaders, preflightHeaders } from "./Cors.ts"
import { httpMetrics } from "./ops/HttpMetrics.ts"
import { addressKey, peerAddress } from "./PeerAddress.ts"
import { Problem, problemResponse } from "./Problem.ts"
import { RateLimits } from "./RateLimits.ts"
import { CurrentRequest, type RequestFacts } from "./RequestFacts.ts"
import { methodsOf } from "./RouteTable.ts"
import { securityHeadersFor } from "./SecurityHeaders.ts"

/** What the edge must be told. */
export interface EdgeOptions {
  readonly cors: CorsPolicy
  /** Proxies of our own in front of this server; 0: X-Forwarded-For is not read. */
  readonly trustedProxyHops: number
}

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

const requestIdPattern = /^[A-Za-z0-9._:-]{1,64}$/

const pathOf = (request: Request): string => {
  const [path = "/"] = request.url.split(/[?#]/)
  return path
}

const factsOf = Effect.fnUntraced(function* (request: Request, options: EdgeOptions) {
  const asked = request.headers["x-request-id"]
  const requestId = asked !== undefined && requestIdPattern.test(asked) ? asked : yield* newId
  const socketAddress = Option.getOrUndefined(request.remoteAddress)
  const address = peerAddress(socketAddress, request.headers["x-forwarded-for"], options.trustedProxyHops)
  const facts: RequestFacts = {
    requestId,
    address,
    method: request.method,
    path: pathOf(request),
    route: undefined,
    quota: undefined
  }
  return facts
})

const unknownRoute = (request: Request, facts: RequestFacts): Problem => {
  const allowed = methodsOf(facts.path)
  // A path whose percent-encoding cannot be read matches no route, although its shape is one's.
  return allowed.length === 0 || allowed.includes(request.method)
    ? new Problem({ code: "route_not_found" })
    : new Problem({ code: "method_not_allowed", allowed, headers: { allow: allowed.join(", ") } })
}

const isUnknownRoute = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some(
    (reason) =>
      reason._tag === "Fail" &&
      HttpServerError.isHttpServerError(reason.error) &&
      reason.error.reason._tag === "RouteNotFound"
  )

// Whatever arrives here nobody expected. The cause goes to the log with the request's id, and nothing of it to the client.
const answerCause =
  (request: Request, facts: RequestFacts) =>
  (cause: Cause.Cause<unknown>): Effect.Effect<Response> => {
    if (isUnknownRoute(cause)) return problemResponse(unknownRoute(request, facts))
    if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
    return Effect.andThen(
      Effect.logError("internal_error: a request failed", cause).pipe(
        Effect.annotateLogs({ request_id: facts.requestId, route: facts.route ?? "none" })
      ),
      problemResponse(new Problem({ code: "internal_error" }))
    )
  }

const quotaHeaders = ({ quota }: RequestFacts): Readonly<Record<string, string>> =>
  quota === undefined
    ? {}
    : {
        "ratelimit-policy": `"${quota.name}";q=${quota.perMinute};w=60`,
        ratelimit: `"${quota.name}";r=${quota.remaining};t=${quota.resetS}`
      }

const finish = (request: Request, facts: RequestFacts, options: EdgeOptions, response: Response): Response => {
  const type =
    response.headers["content-type"] ?? ("contentType" in response.body ? response.body.contentType : undefined)
  const ownPolicy = response.headers["content-security-policy"]
  return HttpServerResponse.setHeaders(response, {
    ...securityHeadersFor(type),
    // A page that says itself what it may load knows better than the policy of all pages.
    ...(ownPolicy === undefined ? {} : { "content-security-policy": ownPolicy }),
    ...(response.headers["cache-control"] === undefined ? { "cache-control": "no-store" } : {}),
    ...corsHeaders(options.cors, request.headers.origin),
    ...quotaHeaders(facts),
    "x-request-id": facts.requestId
  })
}

const answerOptions = (request: Request, facts: RequestFacts, options: EdgeOptions): Effect.Effect<Response> => {
  const methods = methodsOf(facts.path)
  if (methods.length === 0) return problemResponse(new Problem({ code: "route_not_found" }))
  const headers = {
    allow: [...methods, "OPTIONS"].join(", "),
    ...preflightHeaders(options.cors, request.headers.origin, methods)
  }
  return Effect.succeed(HttpServerResponse.empty({ status: 204, headers }))
}

/**
 * What every request passes, whatever route it is for: its id, its address and that address's quota, an answer for what no
 * route or handler has answered, security and CORS headers, and its metrics.
 */
export const withEdge = <R>(
  app: Effect.Effect<Response, unknown, R>,
  options: EdgeOptions
): Effect.Effect<Response, never, R | HttpServerRequest.HttpServerRequest | RateLimits> =>
  Effect.gen(function* () {
    const startMs = yield* Clock.currentTimeMillis
    const request = yield* HttpServerRequest.HttpServerRequest
    const rates = yield* RateLimits
    const facts = yield* factsOf(request, options)
    // Probes are asked by machines of ours, all from one address, and must not be refused under load.
    const counted =
      facts.path === "/livez" || facts.path === "/readyz"
        ? Effect.void
        : rates.count("address", addressKey(facts.address))
    const routed = request.method === "OPTIONS" ? answerOptions(request, facts, options) : app
    const response = yield* Effect.matchEffect(counted, { onFailure: problemResponse, onSuccess: () => routed }).pipe(
      Effect.catchCause(answerCause(request, facts)),
      Effect.provideService(CurrentRequest, facts)
    )
    const route = facts.route ?? (methodsOf(facts.path).length > 0 ? facts.path : "none")
    yield* httpMetrics.requestAnswered(
      route,
      request.method,
      response.status,
      (yield* Clock.currentTimeMillis) - startMs
    )
    return finish(request, facts, options, response)
  })
