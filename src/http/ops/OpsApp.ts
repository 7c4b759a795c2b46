import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { Problem, problemResponse } from "../Problem.ts"
import { CurrentRequest } from "../RequestFacts.ts"
import { requestHandlerOf } from "../RequestHandler.ts"
import { metricsAnswer, readyzAnswer } from "./OpsHttp.ts"
import { Readiness } from "./Readiness.ts"

// The path of such a request is no template: as a metric's label it would make one series for each id somebody asks for.
const notServed = (detail: string) =>
  Effect.flatMap(CurrentRequest, (request) => {
    request.route = "none"
    return problemResponse(new Problem({ code: "not_served_here", detail }))
  })

/** A handler of `/livez`, `/readyz` and `/metrics` alone, for a node without REST; `detail` tells everybody else whom to ask. */
export const makeOpsRequestHandler = (detail: string) =>
  requestHandlerOf(
    Layer.unwrap(
      Effect.map(Readiness, (readiness) =>
        HttpRouter.addAll([
          HttpRouter.route("GET", "/livez", Effect.succeed(HttpServerResponse.jsonUnsafe({ status: "ok" }))),
          HttpRouter.route("GET", "/readyz", readyzAnswer(readiness)),
          HttpRouter.route("GET", "/metrics", metricsAnswer()),
          HttpRouter.route("*", "/*", notServed(detail))
        ])
      )
    )
  )
