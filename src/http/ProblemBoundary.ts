import { Context, Effect, Layer } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiError, HttpApiMiddleware } from "effect/http-api"
import { Problem, problemResponse } from "./Problem.ts"
import { RawBody } from "./RawBody.ts"
import { isRefusal, problemOf, refusalSchemas } from "./Refusal.ts"
import { checkRequestBody } from "./RequestBody.ts"
import { CurrentRequest } from "./RequestFacts.ts"
import { schemaProblem } from "./SchemaProblem.ts"

/** Turns every expected failure of an endpoint into problem+json. Outermost, so that it also hears the other middleware. */
export class ProblemBoundary extends HttpApiMiddleware.Service<ProblemBoundary>()("dropmate/http/ProblemBoundary", {
  error: refusalSchemas
}) {}

/** The problem of a failure; a failure that nobody expects is a defect, and the edge answers 500. */
const answer = (failure: unknown) => {
  if (HttpApiError.HttpApiSchemaError.is(failure)) {
    return failure.kind === "Body" || failure.kind === "ResponseHeaders"
      ? Effect.die(failure)
      : problemResponse(schemaProblem(failure))
  }
  if (!isRefusal(failure)) return Effect.die(failure)
  const problem = problemOf(failure)
  if (problem === undefined) return Effect.die(failure)
  if (problem.code === "storage_unavailable")
    return Effect.andThen(
      Effect.logWarning("storage_unavailable: a request was answered 503", { reason: String(failure) }),
      problemResponse(problem)
    )
  if (problem.code !== "database_unavailable") return problemResponse(problem)
  return Effect.andThen(
    Effect.logWarning("database_unavailable: a request was answered 503", { reason: String(failure) }),
    problemResponse(new Problem({ code: "database_unavailable" }))
  )
}

/** The live boundary. It also notes which route answers, for metrics. */
export const ProblemBoundaryLive = Layer.succeed(
  ProblemBoundary,
  ProblemBoundary.of((httpEffect, { endpoint }) =>
    Effect.flatMap(CurrentRequest, (request) => {
      request.route = endpoint.path
      const isRaw = Context.getOrUndefined(endpoint.annotations, RawBody) !== undefined
      const checked = Effect.flatMap(HttpServerRequest.HttpServerRequest, (each) =>
        isRaw ? Effect.void : checkRequestBody(each, endpoint.payload.size > 0)
      )
      return Effect.catch(Effect.andThen(checked, httpEffect), answer)
    })
  )
)
