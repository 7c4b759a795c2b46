import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { adminToken, call, freshEmail, login, newCustomer, type Tokens } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"
import { until } from "../../kit/Until.ts"

let rest: RestServer
let url: string

beforeAll(async () => {
  rest = await startRest()
  url = rest.url
})
afterAll(() => rest.stop())

const refresh = (token: string) => call<Tokens>(url, "POST", "/v1/auth/refresh", { body: { refresh_token: token } })
const me = (token: string) => call(url, "GET", "/v1/me", { token })
const refused = (token: string) =>
  until(
    "the token is refused",
    () => me(token),
    (answer) => answer.status === 401,
    2_000
  )

describe("register", () => {
  it("makes a user and the customer they are", async () => {
    const email = freshEmail()
    const body = { email: email.toUpperCase(), password: "long enough", name: "Ada" }
    const made = await call(url, "POST", "/v1/auth/register", { body })
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({
      user: { id: expect.stringMatching(/^usr_/), email, role: "customer" },
      customer_id: expect.stringMatching(/^cus_/)
    })
    expect(made.text).not.toContain("long enough")
    const again = await call(url, "POST", "/v1/auth/register", { body })
    expect(again).toMatchObject({ status: 409, body: { code: "email_taken" } })
  })

  it("lets nobody choose a role, an id or a status", async () => {
    for (const field of ["role", "roles", "id", "status", "customer_id", "__proto__", "constructor"]) {
      const body = `{"email":"${freshEmail()}","password":"long enough","name":"Eve","${field}":"admin"}`
      const made = await call<{ errors: ReadonlyArray<unknown> }>(url, "POST", "/v1/auth/register", { body })
      expect(made.status, field).toBe(422)
      expect(made.body.errors, field).toContainEqual({
        pointer: `/${field}`,
        code: "unknown_field",
        detail: "is not a field of this request"
      })
    }
  })

  it("refuses a short and a very long password without repeating it", async () => {
    for (const password of ["short", "x".repeat(201), "é".repeat(101)]) {
      const made = await call(url, "POST", "/v1/auth/register", { body: { email: freshEmail(), password, name: "A" } })
      expect(made).toMatchObject({ status: 422, body: { code: "invalid_body", errors: [{ pointer: "/password" }] } })
      expect(made.text).not.toContain(password)
    }
  })
})

describe("login", () => {
  it("answers the same for a wrong password and for nobody", async () => {
    const customer = await newCustomer(url)
    const wrong = await call(url, "POST", "/v1/auth/login", {
      body: { email: customer.email, password: "not it at all" }
    })
    const nobody = await call(url, "POST", "/v1/auth/login", {
      body: { email: freshEmail(), password: "not it at all" }
    })
    const shape = ({ request_id: _, ...rest }: Record<string, unknown>) => rest
    expect(wrong.status).toBe(401)
    expect(shape(nobody.body)).toEqual(shape(wrong.body))
  })

  it("keeps at most the allowed number of sessions, and ends the oldest", async () => {
    const few = await startRest({ limits: { sessionsPerUserMax: 2 }, databaseUrl: rest.databaseUrl })
    const customer = await newCustomer(few.url)
    await login(few.url, customer.email, customer.password)
    await login(few.url, customer.email, customer.password)
    await refused(customer.access_token)
    const newest = await login(few.url, customer.email, customer.password)
    const listed = await call<{ data: ReadonlyArray<unknown> }>(few.url, "GET", "/v1/me/sessions", {
      token: newest.access_token
    })
    expect(listed.body.data).toHaveLength(2)
    await few.stop()
  })
})

describe("refresh", () => {
  it("exchanges a token once, for one of the same session", async () => {
    const customer = await newCustomer(url)
    const next = await refresh(customer.refresh_token)
    expect(next.status).toBe(200)
    expect(next.body.refresh_token).not.toBe(customer.refresh_token)
    expect((await refresh(next.body.refresh_token)).status).toBe(200)
  })

  it("ends the whole family when an exchanged token comes back", async () => {
    const customer = await newCustomer(url)
    const next = await refresh(customer.refresh_token)
    expect(await refresh(customer.refresh_token)).toMatchObject({ status: 401, body: { code: "refresh_token_reused" } })
    expect(await refresh(next.body.refresh_token)).toMatchObject({
      status: 401,
      body: { code: "refresh_token_invalid" }
    })
    await refused(next.body.access_token)
  })

  it("lets exactly one of twenty exchanges of one token through", async () => {
    const customer = await newCustomer(url)
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(customer.refresh_token)))
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1)
    expect(answers.every((answer) => answer.status === 200 || answer.status === 401)).toBe(true)
  })

  it("ends nobody's session for a forged token", async () => {
    const customer = await newCustomer(url)
    await refresh(customer.refresh_token)
    const bytes = Buffer.from(customer.refresh_token, "base64url")
    const forged = [0, 17, 20, 36, 67].map((at) => {
      const copy = Buffer.from(bytes)
      copy.writeUInt8((copy.readUInt8(at) ^ 1) & 0xff, at)
      return copy.toString("base64url")
    })
    for (const token of [...forged, "", "x", "A".repeat(91), customer.access_token.slice(0, 500)]) {
      expect(await refresh(token)).toMatchObject({ status: 401, body: { code: "refresh_token_invalid" } })
    }
    expect((await me(customer.access_token)).status).toBe(200)
  })

  it("keeps only a hash of the token", async () => {
    const customer = await newCustomer(url)
    const next = await refresh(customer.refresh_token)
    const { Client } = await import("pg")
    const client = new Client({ connectionString: rest.databaseUrl })
    await client.connect()
    const rows = await client.query(
      "SELECT to_jsonb(s)::text AS row, encode(refresh_token_hash, 'escape') AS hash FROM auth_sessions s"
    )
    await client.end()
    const dump = JSON.stringify(rows.rows)
    expect(dump).not.toContain(customer.refresh_token)
    expect(dump).not.toContain(next.body.refresh_token)
  })
})

describe("logout", () => {
  it("ends the session of the access token", async () => {
    const customer = await newCustomer(url)
    const other = await login(url, customer.email, customer.password)
    expect((await call(url, "POST", "/v1/auth/logout", { token: customer.access_token })).status).toBe(204)
    await refused(customer.access_token)
    expect((await refresh(customer.refresh_token)).status).toBe(401)
    expect((await me(other.access_token)).status).toBe(200)
  })

  it("ends the session of a refresh token whose access token is gone", async () => {
    const customer = await newCustomer(url)
    const answer = await call(url, "POST", "/v1/auth/logout", { body: { refresh_token: customer.refresh_token } })
    expect(answer.status).toBe(204)
    await refused(customer.access_token)
  })

  it("asks who is there", async () => {
    expect(await call(url, "POST", "/v1/auth/logout")).toMatchObject({ status: 401, body: { code: "token_missing" } })
  })
})

describe("a disabled user", () => {
  it("is out within a second, cannot log in or refresh, and can when enabled again", async () => {
    const admin = await adminToken(url)
    const customer = await newCustomer(url)
    const path = `/v1/users/${customer.user.id}`
    expect((await call(url, "PATCH", path, { token: admin, body: { status: "disabled" } })).status).toBe(200)
    await until(
      "the token is refused",
      () => me(customer.access_token),
      (answer) => answer.status === 401,
      1_000
    )
    expect((await refresh(customer.refresh_token)).status).toBe(401)
    const body = { email: customer.email, password: customer.password }
    expect(await call(url, "POST", "/v1/auth/login", { body })).toMatchObject({
      status: 403,
      body: { code: "account_disabled" }
    })
    await call(url, "PATCH", path, { token: admin, body: { status: "active" } })
    const again = await login(url, customer.email, customer.password)
    await until(
      "the new token is accepted",
      () => me(again.access_token),
      (answer) => answer.status === 200,
      2_000
    )
    expect((await me(customer.access_token)).status).toBe(401)
  })

  it("is heard of by another node", async () => {
    const second = await startRest({ databaseUrl: rest.databaseUrl })
    const customer = await newCustomer(url)
    expect((await call(second.url, "GET", "/v1/me", { token: customer.access_token })).status).toBe(200)
    await call(url, "POST", "/v1/auth/logout", { token: customer.access_token })
    const there = () => call(second.url, "GET", "/v1/me", { token: customer.access_token })
    await until("the other node refuses", there, (answer) => answer.status === 401, 1_000)
    await second.stop()
  })
})
