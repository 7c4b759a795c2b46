import { request } from "node:http"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { problemCodes } from "../../src/http/ProblemCode.ts"
import { routes } from "../../src/http/RouteTable.ts"
import { proxyDatabase } from "../kit/DatabaseProxy.ts"
import { type Answer, adminToken, call, freshEmail } from "../kit/RestCaller.ts"
import { type RestServer, startRest } from "../kit/RestServer.ts"
import { until } from "../kit/Until.ts"

let rest: RestServer
let url: string
let admin: string

beforeAll(async () => {
  rest = await startRest()
  url = rest.url
  admin = await adminToken(url)
})
afterAll(() => rest.stop())

const isProblem = (answer: Answer, status: number, code: keyof typeof problemCodes): void => {
  expect(answer.headers.get("content-type")).toBe("application/problem+json")
  expect(answer.body).toMatchObject({
    type: `urn:dropmate:problem:${code}`,
    title: problemCodes[code].title,
    status,
    code,
    retryable: problemCodes[code].retry !== "never",
    request_id: answer.headers.get("x-request-id"),
    instance: expect.stringMatching(/^\//)
  })
  expect(answer.status).toBe(status)
}

describe("every refusal is problem+json with its code", () => {
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    call(url, "POST", "/v1/drivers", { token: admin, body, headers })

  it("an unknown route, whatever the method", async () => {
    for (const method of ["GET", "POST", "DELETE", "OPTIONS"])
      isProblem(await call(url, method, "/v1/nothing"), 404, "route_not_found")
  })

  it("a path whose percent-encoding cannot be read", async () => {
    isProblem(await call(url, "GET", "/v1/orders/%E0%A4%A", { token: admin }), 404, "route_not_found")
  })

  it("a method that the route does not know, with those it knows", async () => {
    const answer = await call(url, "DELETE", "/v1/auth/login")
    isProblem(answer, 405, "method_not_allowed")
    expect(answer.headers.get("allow")).toBe("POST")
    expect(answer.body.allowed).toEqual(["POST"])
  })

  it("a body that is not JSON", async () => {
    for (const body of ["{", "[1,", "nonsense", '{"a":1}}']) isProblem(await post(body), 400, "malformed_json")
  })

  it("a body of another media type", async () => {
    isProblem(
      await post("name=x", { "content-type": "application/x-www-form-urlencoded" }),
      415,
      "unsupported_media_type"
    )
    isProblem(await post("{}", { "content-type": "text/plain" }), 415, "unsupported_media_type")
    isProblem(await post("{}", { "content-encoding": "gzip" }), 415, "unsupported_media_type")
  })

  it("a body that is too large, by its own word or as it comes", async () => {
    isProblem(await post({ name: "x".repeat(300 * 1024) }), 413, "body_too_large")
    isProblem(await chunked(300 * 1024), 413, "body_too_large")
  })

  it("a body that nests too deep to be looked at", async () => {
    isProblem(await post(`{"license":${"[".repeat(16_000)}${"]".repeat(16_000)}}`), 422, "invalid_body")
  })
})

describe("every refused field is named with its code", () => {
  const post = (body: unknown) => call(url, "POST", "/v1/drivers", { token: admin, body })

  it("fields that are missing, of another type, out of bounds or unknown, all at once", async () => {
    const answer = await post({ email: 5, name: "", vehicle: { type: "rocket", wings: 2 } })
    isProblem(answer, 422, "invalid_body")
    const errors = answer.body.errors as ReadonlyArray<{ pointer: string; code: string }>
    expect(Object.fromEntries(errors.map((error) => [error.pointer, error.code]))).toEqual({
      "/email": "wrong_type",
      "/name": "invalid_value",
      "/vehicle/type": "invalid_value",
      "/vehicle/wings": "unknown_field"
    })
  })

  it("a body that is no object, or not there", async () => {
    for (const body of ["[]", "null", "5", '"text"']) isProblem(await post(body), 422, "invalid_body")
    isProblem(await call(url, "POST", "/v1/drivers", { token: admin }), 422, "invalid_body")
  })

  it("a text with a NUL, which PostgreSQL cannot store", async () => {
    isProblem(await post({ email: freshEmail(), name: "a\0b" }), 422, "invalid_body")
    isProblem(
      await post({ email: freshEmail(), name: "A", vehicle: { type: "van", capacity: { note: "a\0b" } } }),
      422,
      "invalid_body"
    )
  })
})

describe("every refused token is named with its code", () => {
  it("no token, a wrong one, and one in the wrong place", async () => {
    const missing = await call(url, "GET", "/v1/me")
    isProblem(missing, 401, "token_missing")
    expect(missing.headers.get("www-authenticate")).toBe("Bearer")
    const wrong = await call(url, "GET", "/v1/me", { token: "nonsense" })
    isProblem(wrong, 401, "token_invalid")
    expect(wrong.headers.get("www-authenticate")).toBe('Bearer error="invalid_token"')
    isProblem(await call(url, "GET", "/v1/me", { headers: { authorization: `Basic ${admin}` } }), 401, "token_missing")
  })

  it("a token that has expired", async () => {
    const driver = await call<{ id: string }>(url, "POST", "/v1/drivers", {
      token: admin,
      body: { email: freshEmail(), name: "Short" }
    })
    const strict = await startRest({ limits: { clockSkewS: 0 }, databaseUrl: rest.databaseUrl })
    const issued = await call<{ access_token: string }>(url, "POST", `/v1/drivers/${driver.body.id}/tokens`, {
      token: admin,
      body: { ttl_s: 1 }
    })
    const me = () => call(strict.url, "GET", "/v1/me", { token: issued.body.access_token })
    isProblem(await until("the token expires", me, (answer) => answer.status === 401), 401, "token_expired")
    await strict.stop()
  })
})

/** A body of unknown length, sent in chunks. */
const chunked = (bytes: number): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${admin}`,
      "content-type": "application/json",
      "transfer-encoding": "chunked"
    }
    const sent = request(`${url}/v1/drivers`, { method: "POST", headers }, (response) => {
      const parts: Array<Buffer> = []
      response.on("data", (part: Buffer) => parts.push(part))
      response.on("end", () => {
        const text = Buffer.concat(parts).toString()
        resolve({
          status: response.statusCode ?? 0,
          headers: new Headers(response.headers as Record<string, string>),
          text,
          body: JSON.parse(text)
        })
      })
    })
    sent.on("error", reject)
    for (let left = bytes; left > 0; left -= 16_384) sent.write("x".repeat(Math.min(left, 16_384)))
    sent.end()
  })

describe("the edge", () => {
  it("echoes a request id that is sensible, and makes one otherwise", async () => {
    const id = async (asked: string) =>
      (await call(url, "GET", "/livez", { headers: { "x-request-id": asked } })).headers.get("x-request-id")
    expect(await id("abc-123.DEF_4:5")).toBe("abc-123.DEF_4:5")
    for (const asked of ["x".repeat(65), "a b", "a,b", "<script>"]) expect(await id(asked)).toMatch(/^[0-9a-f-]{36}$/)
  })

  it("sends security headers with every answer", async () => {
    for (const path of ["/livez", "/v1/me", "/nothing", "/openapi.json", "/docs"]) {
      const { headers } = await call(url, "GET", path)
      expect(headers.get("x-content-type-options"), path).toBe("nosniff")
      expect(headers.get("x-frame-options"), path).toBe("DENY")
      expect(headers.get("content-security-policy"), path).toContain("default-src 'none'")
      expect(headers.get("cache-control"), path).toBe("no-store")
      expect(headers.get("x-powered-by"), path).toBeNull()
    }
  })

  it("sends them, and CORS for listed origins alone, on every route there is", async () => {
    for (const { method, template } of routes) {
      const path = template
        .replace(":id", "x")
        .replace(":role", "x")
        .replace(/(.)\/$/, "$1")
      for (const origin of ["https://console.example", "https://evil.example"]) {
        const { headers } = await call(url, method, path, { headers: { origin } })
        const where = `${method} ${path} from ${origin}`
        expect(headers.get("x-content-type-options"), where).toBe("nosniff")
        expect(headers.get("x-frame-options"), where).toBe("DENY")
        expect(headers.get("content-security-policy"), where).toContain("default-src 'none'")
        expect(headers.get("referrer-policy"), where).not.toBeNull()
        expect(headers.get("cache-control"), where).toBe("no-store")
        expect(headers.get("vary"), where).toBe("Origin")
        const allowed = origin === "https://console.example" ? origin : null
        expect(headers.get("access-control-allow-origin"), where).toBe(allowed)
        const preflight = await call(url, "OPTIONS", path, {
          headers: { origin, "access-control-request-method": method }
        })
        expect(preflight.status, where).toBe(204)
        expect(preflight.headers.get("access-control-allow-origin"), where).toBe(allowed)
        if (allowed !== null) expect(preflight.headers.get("access-control-allow-methods"), where).toContain(method)
      }
    }
  })

  it("lets pages of listed origins call, and no others", async () => {
    const from = (origin: string, method = "GET", path = "/livez") =>
      call(url, method, path, { headers: { origin, "access-control-request-method": "POST" } })
    const allowed = await from("https://console.example")
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://console.example")
    expect(allowed.headers.get("vary")).toBe("Origin")
    for (const origin of [
      "https://evil.example",
      "null",
      "https://console.example.evil.example",
      "http://console.example",
      "https://console.example:444"
    ]) {
      expect((await from(origin)).headers.get("access-control-allow-origin"), origin).toBeNull()
    }
    const preflight = await from("https://console.example", "OPTIONS", "/v1/drivers")
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get("access-control-allow-methods")).toContain("POST")
    expect(preflight.headers.get("access-control-allow-headers")).toContain("Idempotency-Key")
    expect(
      (await from("https://evil.example", "OPTIONS", "/v1/drivers")).headers.get("access-control-allow-methods")
    ).toBeNull()
  })
})

describe("what is published", () => {
  it("serves exactly the routes of its OpenAPI document, and the document is 3.1", async () => {
    const { body } = await call<{ openapi: string; paths: Record<string, Record<string, { responses: object }>> }>(
      url,
      "GET",
      "/openapi.json"
    )
    expect(body.openapi).toMatch(/^3\.1\./)
    const documented = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ":$1")}`)
    )
    const served = routes
      .map((route) => `${route.method} ${route.template.replace(/(.)\/$/, "$1")}`)
      .filter((route) => !/ \/(openapi\.json|docs)$/.test(route))
    expect(documented.map((route) => route.replace(/(.)\/$/, "$1")).sort()).toEqual(served.sort())
    for (const route of served) {
      const [method = "", path = ""] = route.split(" ")
      const answer = await call(url, method, path.replace(":id", "x").replace(":role", "x"))
      expect(answer.body.code, route).not.toBe("route_not_found")
      expect(answer.status, route).not.toBe(405)
    }
    expect(Object.keys(body.paths["/v1/drivers"]?.post?.responses ?? {})).toEqual(
      expect.arrayContaining(["201", "401", "403", "409", "422", "429", "503"])
    )
  })

  it("takes an Idempotency-Key on every POST but the exempt ones", async () => {
    interface Operation {
      readonly parameters?: ReadonlyArray<{ readonly name: string }>
    }
    const { body } = await call<{ paths: Record<string, { post?: Operation }> }>(url, "GET", "/openapi.json")
    const without = Object.entries(body.paths).filter(
      ([, { post }]) => post !== undefined && !post.parameters?.some((each) => each.name === "idempotency-key")
    )
    expect(without.map(([path]) => path).sort()).toEqual([
      "/v1/auth/login",
      "/v1/auth/logout",
      "/v1/auth/refresh",
      "/v1/auth/register",
      "/v1/drivers/tokens",
      "/v1/drivers/{id}/tokens",
      // A processor's own retries name the event.
      "/v1/stripe/events"
    ])
  })

  it("tells metrics in OpenMetrics, by route template and without ids", async () => {
    await call(url, "GET", "/v1/drivers/drv_019a0000-0000-7000-8000-000000000000", { token: admin })
    const metrics = await call(url, "GET", "/metrics")
    expect(metrics.headers.get("content-type")).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8")
    expect(metrics.text.endsWith("# EOF\n")).toBe(true)
    expect(metrics.text).toMatch(/dropmate_http_requests_total\{[^}]*route="\/v1\/drivers\/:id"[^}]*\} \d+/)
    expect(metrics.text).toContain("# TYPE dropmate_http_requests counter")
    expect(metrics.text).not.toContain("019a0000")
  })
})

describe("quotas", () => {
  it("refuse with 429, the time to wait and the quota, and refuse nobody else", async () => {
    const limits = { requestsPerPrincipalPerMinute: 5, loginAttemptsPerAccountPerMinute: 3 }
    const small = await startRest({ limits, databaseUrl: rest.databaseUrl })
    const token = await adminToken(small.url)
    const other = await adminToken(url)
    const answers = []
    for (let i = 0; i < 7; i++) answers.push(await call(small.url, "GET", "/v1/me", { token }))
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200, 200, 429, 429])
    const last = answers[6]
    if (last !== undefined) isProblem(last, 429, "rate_limited")
    expect(Number(last?.headers.get("retry-after"))).toBeGreaterThan(0)
    expect(last?.headers.get("ratelimit-policy")).toBe('"principal";q=5;w=60')
    expect(last?.headers.get("ratelimit")).toMatch(/^"principal";r=0;t=\d+$/)
    expect((await call(url, "GET", "/v1/me", { token: other })).status).toBe(200)
    const guess = () =>
      call(small.url, "POST", "/v1/auth/login", { body: { email: "target@example.com", password: "guess" } })
    const guesses = [await guess(), await guess(), await guess(), await guess()]
    expect(guesses.map((answer) => answer.status)).toEqual([401, 401, 401, 429])
    await small.stop()
  })

  it("count an address as it is connected, whatever X-Forwarded-For says", async () => {
    const small = await startRest({ limits: { requestsPerAddressPerMinute: 4 }, databaseUrl: rest.databaseUrl })
    const answers = []
    for (let i = 0; i < 6; i++)
      answers.push(await call(small.url, "GET", "/openapi.json", { headers: { "x-forwarded-for": `10.0.0.${i}` } }))
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200, 429, 429])
    expect((await call(small.url, "GET", "/livez")).status).toBe(200)
    await small.stop()
  })

  it("believe the proxies that are ours, and no entry before them", async () => {
    const proxied = await startRest({
      limits: { requestsPerAddressPerMinute: 2 },
      env: { trustedProxyHops: 1 },
      databaseUrl: rest.databaseUrl
    })
    const from = (header: string) =>
      call(proxied.url, "GET", "/openapi.json", { headers: { "x-forwarded-for": header } })
    const statuses = []
    for (const header of ["1.1.1.1, 2.2.2.2", "9.9.9.9, 2.2.2.2", "8.8.8.8, 2.2.2.2", "3.3.3.3"])
      statuses.push((await from(header)).status)
    expect(statuses).toEqual([200, 200, 429, 200])
    await proxied.stop()
  })
})

describe("PostgreSQL away", () => {
  it("is 503 with Retry-After, not ready, still alive, and over when it is back", async () => {
    const proxy = await proxyDatabase(rest.databaseUrl)
    const behind = await startRest({ databaseUrl: proxy.url })
    const token = await adminToken(behind.url)
    const drivers = () => call(behind.url, "GET", "/v1/drivers", { token })
    proxy.cut()
    const away = await until("the database is missed", drivers, (answer) => answer.status !== 200)
    isProblem(away, 503, "database_unavailable")
    expect(Number(away.headers.get("retry-after"))).toBeGreaterThan(0)
    expect(await call(behind.url, "GET", "/readyz")).toMatchObject({ status: 503, body: { status: "not_ready" } })
    expect((await call(behind.url, "GET", "/livez")).status).toBe(200)
    isProblem(
      await call(behind.url, "POST", "/v1/auth/login", { body: { email: "a@example.com", password: "x" } }),
      503,
      "database_unavailable"
    )
    proxy.restore()
    await until("the database is back", drivers, (answer) => answer.status === 200)
    await until(
      "the server is ready",
      () => call(behind.url, "GET", "/readyz"),
      (answer) => answer.status === 200
    )
    await behind.stop()
    await proxy.stop()
  })
})
