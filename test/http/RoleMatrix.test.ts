import { Context } from "effect"
import { HttpApi } from "effect/http-api"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Access, type AccessRule } from "../../src/http/Access.ts"
import { Api } from "../../src/http/Api.ts"
import { Authenticated } from "../../src/http/Authenticated.ts"
import { isPermitted, type Permission, type Role } from "../../src/identity/Principal.ts"
import { newProduct, newShipment } from "../kit/PlacedOrder.ts"
import { adminToken, call, newCustomer, newDriver, withRole } from "../kit/RestCaller.ts"
import { type RestServer, startRest } from "../kit/RestServer.ts"

interface Endpoint {
  readonly method: string
  readonly path: string
  readonly guarded: boolean
  readonly rule: AccessRule | undefined
}

const endpoints: Array<Endpoint> = []
HttpApi.reflect(Api, {
  onGroup: () => {},
  onEndpoint: ({ endpoint, mergedAnnotations }) =>
    void endpoints.push({
      method: endpoint.method,
      path: endpoint.path,
      guarded: [...endpoint.middlewares].some((key) => key.key === Authenticated.key),
      rule: Context.getOrUndefined(mergedAnnotations, Access)
    })
})

type Who = "anonymous" | "customer" | "driver self" | "driver other" | "dispatcher" | "admin" | "support"
const everybody: ReadonlyArray<Who> = [
  "anonymous",
  "customer",
  "driver self",
  "driver other",
  "dispatcher",
  "admin",
  "support"
]
const rolesOf: Readonly<Record<Who, ReadonlyArray<Role>>> = {
  anonymous: [],
  customer: ["customer"],
  "driver self": ["driver"],
  "driver other": ["driver"],
  dispatcher: ["customer", "dispatcher"],
  admin: ["admin"],
  support: ["customer", "support"]
}

const ids: Record<string, string> = {}
const tokens: Partial<Record<Who, string>> = {}
let rest: RestServer
/** Of whoever placed the order. */
let orderingToken: string

beforeAll(async () => {
  rest = await startRest()
  const admin = await adminToken(rest.url)
  const self = await newDriver(rest.url, admin)
  const vehicle = await call<{ id: string }>(rest.url, "POST", "/v1/vehicles", { token: admin, body: { type: "van" } })
  const customer = await newCustomer(rest.url)
  const { orderId, shipmentId } = await newShipment(rest.url, admin, customer.access_token)
  const tracking = await call<{ id: string }>(rest.url, "POST", `/v1/orders/${orderId}/tracking-sessions`, {
    token: admin,
    body: {}
  })
  const run = await call<{ id: string }>(rest.url, "POST", "/v1/runs", { token: admin, body: { driver_id: self.id } })
  orderingToken = customer.access_token
  Object.assign(ids, {
    runs: run.body.id,
    drivers: self.id,
    products: await newProduct(rest.url, admin),
    customers: "cus_019a0000-0000-7000-8000-000000000000",
    orders: orderId,
    shipments: shipmentId,
    assignments: "asg_019a0000-0000-7000-8000-000000000000",
    "tracking-sessions": tracking.body.id,
    vehicles: vehicle.body.id,
    users: customer.user.id,
    threads: "thr_019a0000-0000-7000-8000-000000000000",
    messages: "msg_019a0000-0000-7000-8000-000000000000",
    files: "fil_019a0000-0000-7000-8000-000000000000",
    me: "aus_019a0000-0000-7000-8000-000000000000"
  })
  Object.assign(tokens, {
    customer: (await newCustomer(rest.url)).access_token,
    "driver self": self.token,
    "driver other": (await newDriver(rest.url, admin)).token,
    dispatcher: (await withRole(rest.url, admin, "dispatcher")).access_token,
    admin,
    support: (await withRole(rest.url, admin, "support")).access_token
  })
})
afterAll(() => rest.stop())

const may = (who: Who, permission: Permission): boolean =>
  isPermitted({ userId: "", sessionId: "", roles: new Set(rolesOf[who]), issuedAtMs: 0, expiresAtMs: 0 }, permission)

/** What the contract says about who may use an endpoint, told again and apart from the code that enforces it. */
const expected = (who: Who, endpoint: Endpoint): "in" | 401 | 403 | 404 => {
  if (!endpoint.guarded) return "in"
  if (who === "anonymous") return 401
  const { rule } = endpoint
  if (rule === undefined || may(who, rule.permission)) return "in"
  const ownPath = endpoint.path.startsWith("/v1/drivers/:id") && who === "driver self"
  if (rule.orOwnDriver === true && ownPath) return "in"
  return rule.knownTo === undefined || ownPath || may(who, rule.knownTo) ? 403 : 404
}

// A body that no schema accepts: who is let in is told so by 422, and nothing of anybody's is changed by this test.
const send = (who: Who, endpoint: Endpoint) => {
  const resource = endpoint.path.split("/")[2] ?? ""
  const path = endpoint.path
    .replace(":id", ids[resource] ?? "")
    .replace(":role", "dispatcher")
    .replace(":shipmentId", ids.shipments ?? "")
    .replace(":stopId", "stp_019a0000-0000-7000-8000-000000000000")
  const harmless = endpoint.method === "POST" || endpoint.method === "PATCH" || endpoint.method === "PUT"
  return call(rest.url, endpoint.method, path, {
    token: tokens[who],
    ...(harmless ? { body: { nonsense: true } } : {})
  })
}

/** Open, since a tracking token is no access token. */
const takesTrackingTokens = "/v1/tracking"

describe("every route for every role", () => {
  const changing = endpoints.filter((endpoint) => endpoint.method === "DELETE")
  const unchanging = endpoints.filter(
    (endpoint) => endpoint.method !== "DELETE" && endpoint.path !== takesTrackingTokens
  )

  it("knows every endpoint of the contract, and guards all but the ones that must be open", () => {
    const open = endpoints
      .filter((endpoint) => !endpoint.guarded)
      .map((endpoint) => `${endpoint.method} ${endpoint.path}`)
    expect(open.sort()).toEqual([
      "GET /livez",
      "GET /metrics",
      "GET /readyz",
      "GET /v1/files/:id/content",
      "GET /v1/tracking",
      "POST /v1/auth/login",
      "POST /v1/auth/logout",
      "POST /v1/auth/refresh",
      "POST /v1/auth/register",
      "POST /v1/stripe/events"
    ])
    const unruled = endpoints.filter((endpoint) => endpoint.guarded && endpoint.rule === undefined)
    expect(unruled.every((endpoint) => endpoint.path.startsWith("/v1/me"))).toBe(true)
  })

  for (const endpoint of unchanging) {
    it(`${endpoint.method} ${endpoint.path} lets in exactly whom its rule names`, async () => {
      for (const who of everybody) {
        const answer = await send(who, endpoint)
        const wanted = expected(who, endpoint)
        if (wanted === "in") {
          expect([401, 403], `${who}: ${answer.text}`).not.toContain(answer.status)
          if (answer.status === 404) expect(["location_unknown", "not_found"], who).toContain(answer.body.code)
        } else expect(answer.status, `${who}: ${answer.text}`).toBe(wanted)
      }
    })
  }

  it("an access token, whosever, is no tracking token", async () => {
    for (const who of everybody) {
      const answer = await call(rest.url, "GET", takesTrackingTokens, { token: tokens[who] })
      expect([answer.status, answer.body.code], who).toEqual([
        401,
        who === "anonymous" ? "token_missing" : "token_invalid"
      ])
    }
  })

  for (const endpoint of changing) {
    it(`${endpoint.method} ${endpoint.path} refuses everybody whom its rule does not name`, async () => {
      for (const who of everybody) {
        const wanted = expected(who, endpoint)
        if (wanted === "in") continue
        const answer = await send(who, endpoint)
        expect(answer.status, `${who}: ${answer.text}`).toBe(wanted)
      }
    })
  }

  it("says openly to whoever ordered what they may not do with their own order", async () => {
    const about = endpoints.filter(({ rule }) => rule?.orKnownToItsCustomer === true)
    expect(about.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([
      "GET /v1/orders/:id/payment/attempts",
      "POST /v1/orders/:id/confirm",
      "POST /v1/orders/:id/payment/capture",
      "POST /v1/orders/:id/payment/void",
      "POST /v1/orders/:id/refunds"
    ])
    for (const { method, path } of about) {
      const send = (token: string | undefined) =>
        call(rest.url, method, path.replace(":id", ids.orders ?? ""), {
          token,
          ...(method === "POST" ? { body: {} } : {})
        })
      const [own, foreign] = [await send(orderingToken), await send(tokens.customer)]
      expect([own.status, own.body.code, foreign.status, foreign.body.code], path).toEqual([
        403,
        "not_permitted",
        404,
        "not_found"
      ])
    }
  })

  it("answers a stranger about a foreign driver exactly as about an absent or impossible one", async () => {
    const shape = ({ request_id: _, instance: __, ...body }: Record<string, unknown>) => body
    const others = [
      "drv_019a0000-0000-7000-8000-000000000000",
      "drv_nonsense",
      "usr_019a0000-0000-7000-8000-000000000000",
      "1",
      "%00"
    ]
    for (const suffix of ["", "/profile", "/location", "/trail", "/devices", "/sessions"]) {
      const foreign = await call(rest.url, "GET", `/v1/drivers/${ids.drivers}${suffix}`, { token: tokens.customer })
      for (const other of others) {
        const absent = await call(rest.url, "GET", `/v1/drivers/${other}${suffix}`, { token: tokens.customer })
        expect([absent.status, shape(absent.body)], `${other}${suffix}`).toEqual([foreign.status, shape(foreign.body)])
      }
    }
  })
})
