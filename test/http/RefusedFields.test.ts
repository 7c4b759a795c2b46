import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Answer, adminToken, call, freshEmail } from "../kit/RestCaller.ts"
import { type RestServer, startRest } from "../kit/RestServer.ts"

let rest: RestServer
let admin: string

beforeAll(async () => {
  rest = await startRest()
  admin = await adminToken(rest.url)
})
afterAll(() => rest.stop())

const post = (body: unknown) => call(rest.url, "POST", "/v1/drivers", { token: admin, body })
const isRefused = (answer: Answer): void => expect([answer.status, answer.body.code]).toEqual([422, "invalid_body"])

describe("what a field does not take", () => {
  it("a name that is not one of the field's, with those that are", async () => {
    const answer = await call<{ errors: ReadonlyArray<unknown> }>(rest.url, "POST", "/v1/orders", {
      token: admin,
      body: { channel: "fax" }
    })
    expect(answer.body.errors).toContainEqual({
      pointer: "/channel",
      code: "invalid_value",
      detail: "is one of web, app, wechat"
    })
  })

  it("half a surrogate pair, in a text or in an object's key or value", async () => {
    const half = "a\ud83d"
    isRefused(await post({ email: freshEmail(), name: half }))
    isRefused(await post({ email: `${half}@test.example`, name: "A" }))
    for (const capacity of [{ note: half }, { [half]: 1 }, { note: [half] }])
      isRefused(await post({ email: freshEmail(), name: "A", vehicle: { type: "van", capacity } }))
    const whole = { note: "\ud83d\ude9a \\ud800 \\u0000" }
    const made = await call(rest.url, "POST", "/v1/vehicles", { token: admin, body: { type: "van", capacity: whole } })
    expect(made.body).toMatchObject({ capacity: whole })
  })

  it("a time that no calendar has, or that would leave the four digits of a year", async () => {
    const at = (start: string) =>
      call<{ errors: ReadonlyArray<{ pointer: string }> }>(rest.url, "POST", "/v1/orders", {
        token: admin,
        body: { window: { start, end: "9999-12-31T23:59:59Z" } }
      })
    for (const time of [
      "2027-02-30T10:00:00Z",
      "2027-02-29T10:00:00+02:00",
      "2027-02-28T24:00:00Z",
      "0000-05-01T10:00:00Z",
      "0001-01-01T00:00:00+01:00",
      "9999-12-31T23:59:59-01:00"
    ])
      expect((await at(time)).body.errors.map((error) => error.pointer)).toContain("/window/start")
    const leap = (await at("2028-02-29T23:30:00-01:00")).body.errors.map((error) => error.pointer)
    expect(leap).not.toContain("/window/start")
  })

  it("a field in the body of a command that takes none", async () => {
    const id = "01890000-0000-7000-8000-000000000000"
    for (const path of [
      `/v1/orders/ord_${id}/confirm`,
      `/v1/orders/ord_${id}/payment/capture`,
      `/v1/orders/ord_${id}/payment/void`,
      `/v1/shipments/shp_${id}/retry`,
      `/v1/runs/run_${id}/start`
    ])
      isRefused(await call(rest.url, "POST", path, { token: admin, body: { amount: 1 } }))
  })
})
