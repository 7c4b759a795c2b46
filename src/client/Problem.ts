/** What is wrong with one field of a request; `pointer` is a JSON Pointer. */
export interface FieldProblem {
  readonly pointer: string
  readonly code: string
  readonly detail: string
}

/** An answer that is not a success: RFC 9457 problem details, as far as they were given (03-http-api, "Errors"). */
export class Problem extends Error {
  readonly status: number
  /** Machine-readable, from `docs/ERRORS.md`; `http_<status>` when the answer was no problem document. */
  readonly code: string
  readonly detail: string
  /** Method and path that were refused. */
  readonly request: string
  readonly isRetryable: boolean
  /** From `Retry-After`, milliseconds; 0 when the answer had none. */
  readonly retryAfterMs: number
  readonly requestId: string | undefined
  /** Fields that were not taken. */
  readonly errors: ReadonlyArray<FieldProblem>
  /** Commands that would have been taken instead. */
  readonly allowed: ReadonlyArray<string>

  constructor(fields: Omit<Problem, keyof Error>) {
    super(
      `${fields.request} was refused with ${fields.status} ${fields.code}${fields.detail === "" ? "" : `: ${fields.detail}`}`
    )
    this.name = "Problem"
    this.status = fields.status
    this.code = fields.code
    this.detail = fields.detail
    this.request = fields.request
    this.isRetryable = fields.isRetryable
    this.retryAfterMs = fields.retryAfterMs
    this.requestId = fields.requestId
    this.errors = fields.errors
    this.allowed = fields.allowed
  }
}

/** Nobody answered at the address. Retry: later. */
export class ServerUnreachable extends Error {
  readonly url: string
  constructor(url: string, cause: unknown) {
    super(`nobody answers at ${url} (${reasonOf(cause)})`, { cause })
    this.name = "ServerUnreachable"
    this.url = url
  }
}

/** fetch wraps what happened: its own message is only "fetch failed". */
const reasonOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  const inner = cause.cause
  if (inner instanceof Error) return "code" in inner ? String(inner.code) : inner.message
  return cause.message
}

/** Reads a refused answer. */
export const readProblem = async (request: string, response: Response): Promise<Problem> => {
  const text = await response.text()
  const body = parsed(text)
  const retryAfterS = Number(response.headers.get("retry-after") ?? Number.NaN)
  return new Problem({
    request,
    status: response.status,
    code: typeof body.code === "string" ? body.code : `http_${response.status}`,
    detail: typeof body.detail === "string" ? body.detail : typeof body.title === "string" ? body.title : "",
    isRetryable:
      typeof body.retryable === "boolean" ? body.retryable : response.status === 429 || response.status === 503,
    retryAfterMs: Number.isFinite(retryAfterS) ? Math.max(0, retryAfterS) * 1_000 : 0,
    requestId: typeof body.request_id === "string" ? body.request_id : undefined,
    errors: (Array.isArray(body.errors) ? body.errors : []).flatMap(readFieldProblem),
    allowed: (Array.isArray(body.allowed) ? body.allowed : []).filter((name) => typeof name === "string")
  })
}

const readFieldProblem = (value: unknown): ReadonlyArray<FieldProblem> => {
  if (typeof value !== "object" || value === null) return []
  const { pointer, code, detail } = value as Readonly<Record<string, unknown>>
  const text = (field: unknown): string => (typeof field === "string" ? field : "")
  return [{ pointer: text(pointer), code: text(code), detail: text(detail) }]
}

const parsed = (text: string): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
  } catch {
    // A proxy's page or an empty body: the status has to say it all.
    return {}
  }
}
