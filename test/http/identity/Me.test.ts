import { afterAll, beforeAll, expect, it } from "vitest"
import { adminToken, call, login, newCustomer, newDriver } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"
import { until } from "../../kit/Until.ts"

let rest: RestServer
let url: string

beforeAll(async () => {
  rest = await startRest()
  url = rest.url
})
afterAll(() => rest.stop())

const me = (token: string) => call(url, "GET", "/v1/me", { token })
const gone = (token: string) =>
  until(
    "the token is refused",
    () => me(token),
    (answer) => answer.status === 401,
    2_000
  )

it("shows the caller, and changes name and phone at the version that was read", async () => {
  const { access_token: token } = await newCustomer(url)
  const read = await me(token)
  const ifMatch = { "if-match": read.headers.get("etag") ?? "" }
  const body = { name: "New Name", phone: "+32 470 00 00 01" }
  const changed = await call(url, "PATCH", "/v1/me", { token, body, headers: ifMatch })
  expect(changed).toMatchObject({ status: 200, body })
  expect(changed.headers.get("etag")).toBe('"2"')
  const stale = await call(url, "PATCH", "/v1/me", { token, body: { name: "Lost" }, headers: ifMatch })
  expect(stale).toMatchObject({ status: 412, body: { code: "version_mismatch" } })
  expect(stale.headers.get("etag")).toBe('"2"')
  expect((await me(token)).body.name).toBe("New Name")
})

it("changes nothing of what is not the caller's to choose", async () => {
  const { access_token: token } = await newCustomer(url)
  for (const field of ["role", "roles", "email", "status", "id", "driver_id", "customer_id"]) {
    const refused = await call(url, "PATCH", "/v1/me", { token, body: { [field]: "admin" } })
    expect(refused, field).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: `/${field}`, code: "unknown_field" }] }
    })
  }
  expect((await me(token)).headers.get("etag")).toBe('"1"')
})

it("a new password needs the current one and ends every other session", async () => {
  const customer = await newCustomer(url)
  const other = await login(url, customer.email, customer.password)
  const token = customer.access_token
  const body = { password: "another password", current_password: "wrong" }
  expect(await call(url, "PATCH", "/v1/me", { token, body })).toMatchObject({
    status: 422,
    body: { code: "password_wrong" }
  })
  const without = await call(url, "PATCH", "/v1/me", { token, body: { password: "another password" } })
  expect(without.body.code).toBe("password_wrong")
  const right = { ...body, current_password: customer.password }
  expect((await call(url, "PATCH", "/v1/me", { token, body: right })).status).toBe(200)
  await gone(other.access_token)
  expect((await me(token)).status).toBe(200)
  await login(url, customer.email, "another password")
})

it("an invited driver sets a first password and is active from then on", async () => {
  const admin = await adminToken(url)
  const driver = await newDriver(url, admin)
  const set = await call(url, "PATCH", "/v1/me", { token: driver.token, body: { password: "a first password" } })
  expect(set).toMatchObject({ status: 200, body: { status: "active" } })
  expect((await call(url, "GET", `/v1/drivers/${driver.id}`, { token: admin })).body.status).toBe("active")
})

it("lists the caller's sessions and ends one, or all", async () => {
  const customer = await newCustomer(url)
  const second = await login(url, customer.email, customer.password)
  const third = await login(url, customer.email, customer.password)
  type Listed = { readonly data: ReadonlyArray<{ readonly id: string; readonly current: boolean }> }
  const listed = await call<Listed>(url, "GET", "/v1/me/sessions", { token: third.access_token })
  expect(listed.body.data).toHaveLength(3)
  const [current, middle] = listed.body.data
  expect(current?.current).toBe(true)
  const path = `/v1/me/sessions/${middle?.id}`
  expect((await call(url, "DELETE", path, { token: third.access_token })).status).toBe(204)
  await gone(second.access_token)
  expect((await call(url, "DELETE", path, { token: third.access_token })).status).toBe(404)
  expect((await call(url, "DELETE", "/v1/me/sessions", { token: third.access_token })).status).toBe(204)
  await gone(customer.access_token)
  await gone(third.access_token)
})

it("somebody else's session is as absent as one that never was", async () => {
  const mine = await newCustomer(url)
  const theirs = await newCustomer(url)
  type Listed = { readonly data: ReadonlyArray<{ readonly id: string }> }
  const listed = await call<Listed>(url, "GET", "/v1/me/sessions", { token: theirs.access_token })
  const foreign = await call(url, "DELETE", `/v1/me/sessions/${listed.body.data[0]?.id}`, { token: mine.access_token })
  const absent = await call(url, "DELETE", "/v1/me/sessions/aus_019a0000-0000-7000-8000-000000000000", {
    token: mine.access_token
  })
  expect([foreign.status, foreign.body.code]).toEqual([absent.status, absent.body.code])
  expect((await me(theirs.access_token)).status).toBe(200)
})
