import { Data, Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { type FieldProblemCode, type ProblemCode, type ProblemMeaning, problemCodes } from "./ProblemCode.ts"
import { CurrentRequest } from "./RequestFacts.ts"

/** What is wrong with one field. `pointer` is a JSON Pointer (RFC 6901) into the body, or the name of a parameter. */
export interface FieldProblem {
  readonly pointer: string
  readonly code: FieldProblemCode
  readonly detail: string
}

/** A refusal with its code; everything else a client is told follows from it. */
export class Problem extends Data.TaggedError("Problem")<{
  readonly code: ProblemCode
  readonly detail?: string
  readonly errors?: ReadonlyArray<FieldProblem>
  /** What would be allowed instead: methods, or transitions of a state machine. */
  readonly allowed?: ReadonlyArray<string>
  readonly retryAfterS?: number
  readonly headers?: Readonly<Record<string, string>>
}> {}

/** The body of a refusal: RFC 9457 with our members. */
export interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail?: string
  readonly instance: string
  readonly code: string
  readonly errors?: ReadonlyArray<{ readonly pointer: string; readonly code: string; readonly detail: string }>
  readonly allowed?: ReadonlyArray<string>
  readonly retryable: boolean
  readonly request_id: string
}

/** Seconds that a client waits when nothing better is known. */
export const defaultRetryAfterS = 2

const bodyOf = (problem: Problem, meaning: ProblemMeaning, path: string, requestId: string): ProblemBody => ({
  type: `urn:dropmate:problem:${problem.code}`,
  title: meaning.title,
  status: meaning.status,
  ...(problem.detail === undefined ? {} : { detail: problem.detail }),
  instance: path,
  code: problem.code,
  ...(problem.errors === undefined ? {} : { errors: problem.errors }),
  ...(problem.allowed === undefined ? {} : { allowed: problem.allowed }),
  retryable: meaning.retry !== "never",
  request_id: requestId
})

const headersOf = (problem: Problem, meaning: ProblemMeaning): Readonly<Record<string, string>> => ({
  "cache-control": "no-store",
  ...(meaning.retry === "later" ? { "retry-after": String(problem.retryAfterS ?? defaultRetryAfterS) } : {}),
  // RFC 6750, section 3: a request without any token is told no more than the scheme.
  ...(meaning.status === 401 && problem.code.startsWith("token_")
    ? { "www-authenticate": problem.code === "token_missing" ? "Bearer" : 'Bearer error="invalid_token"' }
    : {}),
  ...(problem.headers ?? {})
})

/** The answer that carries a problem. */
export const problemResponse = (problem: Problem): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.map(CurrentRequest, (request) => {
    const meaning = problemCodes[problem.code]
    return HttpServerResponse.text(JSON.stringify(bodyOf(problem, meaning, request.path, request.requestId)), {
      status: meaning.status,
      contentType: "application/problem+json",
      headers: headersOf(problem, meaning)
    })
  })
