import { Problem, readProblem, ServerUnreachable } from "./Problem.ts"

export interface Login {
  readonly access_token: string
  readonly refresh_token: string
  readonly token_type: "Bearer"
  readonly expires_in_s: number
  readonly user: { readonly id: string; readonly email: string; readonly role: string }
}

export interface NewDriver {
  readonly email: string
  /** Without one the driver is invited and works with provisioned tokens. */
  readonly password?: string
  readonly name: string
  readonly phone?: string
  readonly vehicle?: {
    readonly type: string
    readonly plate?: string
    readonly capacity?: Readonly<Record<string, unknown>>
  }
}

export interface Driver {
  readonly id: string
  readonly user_id: string
  readonly name: string
  readonly status: string
  readonly email?: string
}

export interface DriverToken {
  readonly driver_id: string
  readonly access_token: string
  readonly expires_in_s: number
}

/** Where a driver is. `stale` when the position is older than a minute. */
export interface DriverLocation {
  readonly driver_id: string
  readonly lat: number
  readonly lng: number
  readonly recorded_at: string
  readonly speed_mps: number | null
  readonly heading_deg: number | null
  readonly accuracy_m: number | null
  readonly stale: boolean
}

/** One point of a trail. */
export interface TrailPoint {
  readonly recorded_at: string
  readonly lat: number
  readonly lng: number
  readonly speed_mps: number | null
  readonly flags: ReadonlyArray<string>
}

export interface Page<A> {
  readonly data: ReadonlyArray<A>
  readonly next_cursor: string | null
  readonly has_more: boolean
}

export interface RestClientOptions {
  /** `http://host:port`, without a path. */
  readonly url: string
  readonly fetch?: typeof fetch
  /** How long a request that may be repeated is, milliseconds; 0 tries once. */
  readonly retryForMs?: number
  readonly requestMsMax?: number
}

export type Query = Readonly<Record<string, string | number | undefined>>

const retryEveryMsMin = 250

/**
 * The part of the REST API that driver fleets and tools need. Answers that are not a success are `Problem`; no answer is
 * `ServerUnreachable`. What may be repeated safely (reads, and POSTs under an Idempotency-Key) is, when the server says "later".
 */
export class RestClient {
  private readonly url: string
  private readonly fetch: typeof fetch
  private readonly retryForMs: number
  private readonly requestMsMax: number
  private authorize: (() => Promise<string>) | undefined

  /** @throws RangeError when the URL is not an `http:` or `https:` URL. */
  constructor(options: RestClientOptions) {
    const url = URL.parse(options.url)
    if (url === null || !/^https?:$/.test(url.protocol))
      throw new RangeError(`not an http: or https: URL: ${options.url}`)
    this.url = url.href.replace(/\/$/, "")
    // A browser's fetch may only be called as the window's own.
    this.fetch = options.fetch ?? ((input, init) => fetch(input, init))
    this.retryForMs = options.retryForMs ?? 60_000
    this.requestMsMax = options.requestMsMax ?? 30_000
  }

  /** Every later request carries this access token. */
  signInWith(token: string): void {
    this.authorize = () => Promise.resolve(token)
  }

  /** Every later request asks here for its access token. */
  authorizeWith(token: () => Promise<string>): void {
    this.authorize = token
  }

  /** Signs in, and again by itself before the access token ends. */
  async signIn(email: string, password: string): Promise<Login> {
    let login = await this.login(email, password)
    let freshUntilMs = freshUntil(login)
    let renewal: Promise<Login> | undefined
    this.authorize = async () => {
      if (performance.now() < freshUntilMs) return login.access_token
      renewal ??= this.login(email, password)
      try {
        login = await renewal
        freshUntilMs = freshUntil(login)
      } finally {
        renewal = undefined
      }
      return login.access_token
    }
    return login
  }

  login(email: string, password: string): Promise<Login> {
    return this.send<Login>({
      method: "POST",
      path: "/v1/auth/login",
      body: { email, password },
      isPublic: true,
      repeats: true
    })
  }

  refresh(refreshToken: string): Promise<Login> {
    return this.send<Login>({
      method: "POST",
      path: "/v1/auth/refresh",
      body: { refresh_token: refreshToken },
      isPublic: true
    })
  }

  /** Makes a customer's account; code `email_taken` when the address has one. */
  register(customer: { readonly email: string; readonly password: string; readonly name: string }): Promise<unknown> {
    return this.send({ method: "POST", path: "/v1/auth/register", body: customer, isPublic: true })
  }

  /** Any resource of the API. */
  get<A>(path: string, query: Query = {}): Promise<A> {
    return this.send<A>({ method: "GET", path, query })
  }

  /** Any command that takes an Idempotency-Key: it is repeated under one of its own, or under the caller's. */
  post<A>(path: string, body: unknown = {}, idempotencyKey: string = crypto.randomUUID()): Promise<A> {
    return this.send<A>({ method: "POST", path, body, idempotencyKey })
  }

  /** A change of a resource that may be repeated. */
  patch<A>(path: string, body: unknown): Promise<A> {
    return this.send<A>({ method: "PATCH", path, body, repeats: true })
  }

  /** A part of a file at an offset. Not repeated here: what came of it only the upload's offset says. */
  patchBytes<A>(path: string, bytes: Uint8Array<ArrayBuffer>, offset: number): Promise<A> {
    return this.send<A>({ method: "PATCH", path, bytes, headers: { "upload-offset": String(offset) } })
  }

  /** Code `email_taken` when the address has an account. */
  createDriver(driver: NewDriver): Promise<Driver> {
    return this.send<Driver>({ method: "POST", path: "/v1/drivers", body: driver, idempotencyKey: crypto.randomUUID() })
  }

  listDrivers(query: Query = {}): Promise<Page<Driver>> {
    return this.send<Page<Driver>>({ method: "GET", path: "/v1/drivers", query })
  }

  /** Where a driver is; code `location_unknown` when no position was ever sent. */
  driverLocation(driverId: string): Promise<DriverLocation> {
    return this.send<DriverLocation>({ method: "GET", path: `/v1/drivers/${encodeURIComponent(driverId)}/location` })
  }

  /** Where a driver was: `from`, `to` (RFC 3339), `limit`, `cursor`, `simplify_m`. */
  driverTrail(driverId: string, query: Query = {}): Promise<Page<TrailPoint>> {
    return this.send<Page<TrailPoint>>({
      method: "GET",
      path: `/v1/drivers/${encodeURIComponent(driverId)}/trail`,
      query
    })
  }

  /** Tokens for many drivers in one request. Each call makes new ones, so it may be repeated. */
  async provisionTokens(driverIds: ReadonlyArray<string>): Promise<ReadonlyArray<DriverToken>> {
    const body = { driver_ids: driverIds }
    const answer = await this.send<{ readonly data: ReadonlyArray<DriverToken> }>({
      method: "POST",
      path: "/v1/drivers/tokens",
      body,
      repeats: true
    })
    return answer.data
  }

  private async send<A>(request: RestRequest): Promise<A> {
    const giveUpAtMs = performance.now() + this.retryForMs
    const mayRepeat = request.method === "GET" || request.idempotencyKey !== undefined || request.repeats === true
    for (let tries = 0; ; tries++) {
      const outcome = await this.once<A>(request)
      if (outcome.kind === "answer") return outcome.body
      const { cause } = outcome
      const isTemporary = cause instanceof ServerUnreachable || (cause instanceof Problem && cause.isRetryable)
      const askedMs = cause instanceof Problem ? cause.retryAfterMs : 0
      const waitMs = Math.max(askedMs, retryEveryMsMin * 2 ** Math.min(tries, 4)) * (1 + Math.random() * 0.2)
      if (!mayRepeat || !isTemporary || performance.now() + waitMs > giveUpAtMs) throw cause
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
  }

  private async once<A>(request: RestRequest): Promise<Outcome<A>> {
    const label = `${request.method} ${request.path}`
    const headers = new Headers({ accept: "application/json" })
    if (request.isPublic !== true && this.authorize !== undefined)
      headers.set("authorization", `Bearer ${await this.authorize()}`)
    if (request.body !== undefined) headers.set("content-type", "application/json")
    if (request.bytes !== undefined) headers.set("content-type", "application/offset+octet-stream")
    for (const [name, value] of Object.entries(request.headers ?? {})) headers.set(name, value)
    if (request.idempotencyKey !== undefined) headers.set("idempotency-key", request.idempotencyKey)
    try {
      const response = await this.fetch(`${this.url}${request.path}${queryText(request.query)}`, {
        method: request.method,
        headers,
        body: request.bytes ?? (request.body === undefined ? null : JSON.stringify(request.body)),
        signal: AbortSignal.timeout(this.requestMsMax)
      })
      if (!response.ok) return { kind: "refusal", cause: await readProblem(label, response) }
      return { kind: "answer", body: (await response.json()) as A }
    } catch (cause) {
      return { kind: "refusal", cause: new ServerUnreachable(this.url, cause) }
    }
  }
}

interface RestRequest {
  readonly method: "GET" | "POST" | "PATCH"
  readonly path: string
  readonly query?: Query
  readonly body?: unknown
  /** Instead of `body`. */
  readonly bytes?: Uint8Array<ArrayBuffer>
  readonly headers?: Readonly<Record<string, string>>
  readonly idempotencyKey?: string
  /** Goes without an access token. */
  readonly isPublic?: boolean
  /** Doing it twice does no harm. */
  readonly repeats?: boolean
}

type Outcome<A> =
  | { readonly kind: "answer"; readonly body: A }
  | { readonly kind: "refusal"; readonly cause: Problem | ServerUnreachable }

/** A minute before the end, or half of a shorter life. Monotonic milliseconds. */
const freshUntil = (login: Login): number =>
  performance.now() + Math.max(login.expires_in_s - 60, login.expires_in_s / 2) * 1_000

const queryText = (query: Query = {}): string => {
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
  return given.length === 0
    ? ""
    : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()}`
}
