import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { newOrder, newProduct, newShipment, type PlacedOrder, testAddress } from "../../kit/PlacedOrder.ts"
import { adminToken, call, newCustomer, newDriver } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"

let rest: RestServer
let admin: string
let customer: Awaited<ReturnType<typeof newCustomer>>
let productId: string

beforeAll(async () => {
  rest = await startRest()
  admin = await adminToken(rest.url)
  customer = await newCustomer(rest.url)
  productId = await newProduct(rest.url, admin)
})
afterAll(() => rest.stop())

const stockOf = async (id: string): Promise<number> =>
  (await call<{ stock: number }>(rest.url, "GET", `/v1/products/${id}`, { token: admin })).body.stock

const post = (path: string, token: string, body: unknown = {}, key?: string) =>
  call<PlacedOrder & { readonly code?: string; readonly errors?: ReadonlyArray<{ readonly pointer: string }> }>(
    rest.url,
    "POST",
    path,
    { token, body, ...(key === undefined ? {} : { headers: { "idempotency-key": key } }) }
  )

describe("orders", () => {
  it("a customer orders with the prices of now, and the stock is taken", async () => {
    const id = await newProduct(rest.url, admin, 5, 999)
    const order = await newOrder(rest.url, customer.access_token, id, { items: [{ product_id: id, quantity: 3 }] })
    expect(order).toMatchObject({ status: "submitted", total: { amount: 2997, currency: "EUR" }, shipment_id: null })
    expect(await stockOf(id)).toBe(2)
    await call(rest.url, "PATCH", `/v1/products/${id}`, {
      token: admin,
      body: { price: { amount: 1, currency: "EUR" } }
    })
    const read = await call<PlacedOrder>(rest.url, "GET", `/v1/orders/${order.id}`, { token: customer.access_token })
    expect(read.body.total.amount).toBe(2997)
  })

  it("a draft takes no stock until it is submitted", async () => {
    const id = await newProduct(rest.url, admin, 2)
    const draft = await newOrder(rest.url, customer.access_token, id, { submit: false })
    expect([draft.status, await stockOf(id)]).toEqual(["draft", 2])
    const submitted = await post(`/v1/orders/${draft.id}/submit`, customer.access_token)
    expect([submitted.body.status, await stockOf(id)]).toEqual(["submitted", 1])
    const again = await post(`/v1/orders/${draft.id}/submit`, customer.access_token)
    expect([again.status, await stockOf(id)]).toEqual([200, 1])
  })

  it("of forty who order the last ten pieces at once exactly ten get one", async () => {
    const id = await newProduct(rest.url, admin, 10)
    const body = {
      items: [{ product_id: id, quantity: 1 }],
      delivery_address: testAddress,
      channel: "app",
      submit: true
    }
    const answers = await Promise.all(Array.from({ length: 40 }, () => post("/v1/orders", customer.access_token, body)))
    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(10)
    const refused = answers.filter((answer) => answer.status !== 201)
    expect(new Set(refused.map((answer) => `${answer.status} ${answer.body.code}`))).toEqual(
      new Set(["409 stock_insufficient"])
    )
    expect(await stockOf(id)).toBe(0)
  })

  it("an order that is refused in the middle changes nothing", async () => {
    const plenty = await newProduct(rest.url, admin, 50)
    const scarce = await newProduct(rest.url, admin, 0)
    const items = [
      { product_id: plenty, quantity: 5 },
      { product_id: scarce, quantity: 1 }
    ]
    const answer = await post("/v1/orders", customer.access_token, {
      items,
      delivery_address: testAddress,
      channel: "web",
      submit: true
    })
    expect([answer.status, answer.body.code, await stockOf(plenty)]).toEqual([409, "stock_insufficient", 50])
  })

  it("does not take a draft's product that was withdrawn since, and says so", async () => {
    const customer = await newCustomer(rest.url)
    const withdrawn = await newProduct(rest.url, admin, 5)
    const draft = await post("/v1/orders", customer.access_token, {
      items: [{ product_id: withdrawn, quantity: 1 }],
      delivery_address: testAddress,
      channel: "web"
    })
    await call(rest.url, "DELETE", `/v1/products/${withdrawn}`, { token: admin })
    const answer = await post(`/v1/orders/${draft.body.id}/submit`, customer.access_token)
    expect([answer.status, answer.body.code]).toEqual([409, "product_withdrawn"])
  })

  it("names the field of a product, an address or a currency that does not fit", async () => {
    const yen = await call<{ id: string }>(rest.url, "POST", "/v1/products", {
      token: admin,
      body: { name: "Tea", price: { amount: 500, currency: "JPY" }, stock: 1 }
    })
    const unknown = "prd_019a0000-0000-7000-8000-000000000000"
    const items = [productId, yen.body.id, unknown].map((product_id) => ({ product_id, quantity: 1 }))
    const wrong = await post("/v1/orders", customer.access_token, {
      items,
      delivery_address: testAddress,
      channel: "web"
    })
    expect([wrong.status, wrong.body.errors?.map((error) => error.pointer)]).toEqual([
      422,
      ["/items/1/product_id", "/items/2/product_id"]
    ])
    const lost = await post("/v1/orders", customer.access_token, {
      items: [{ product_id: productId, quantity: 1 }],
      delivery_address_id: "adr_019a0000-0000-7000-8000-000000000000",
      channel: "web"
    })
    expect([lost.status, lost.body.errors?.[0]?.pointer]).toEqual([422, "/delivery_address_id"])
  })

  it("the same key places one order and answers the same bytes", async () => {
    const id = await newProduct(rest.url, admin, 10)
    const body = {
      items: [{ product_id: id, quantity: 2 }],
      delivery_address: testAddress,
      channel: "web",
      submit: true
    }
    const first = await post("/v1/orders", customer.access_token, body, "place-once")
    const again = await post("/v1/orders", customer.access_token, body, "place-once")
    expect([again.status, again.text]).toEqual([first.status, first.text])
    expect(await stockOf(id)).toBe(8)
  })

  it("a guest's order is nobody's but the staff's", async () => {
    const guest = await newOrder(rest.url, admin, productId, { contact: { name: "Gina Guest", phone: "+43 1 234567" } })
    const read = await call<{ customer_id: string | null; contact: { name: string } }>(
      rest.url,
      "GET",
      `/v1/orders/${guest.id}`,
      { token: admin }
    )
    expect(read.body).toMatchObject({ customer_id: null, contact: { name: "Gina Guest" } })
    const foreign = await call(rest.url, "GET", `/v1/orders/${guest.id}`, { token: customer.access_token })
    expect([foreign.status, foreign.body.code]).toEqual([404, "not_found"])
  })

  it("staff cannot order for a customer who does not exist", async () => {
    const customer_id = "cus_01890000-0000-7000-8000-000000000000"
    const body = { items: [{ product_id: productId, quantity: 1 }], delivery_address: testAddress, channel: "web" }
    const refused = await post("/v1/orders", admin, { ...body, customer_id })
    expect([refused.status, refused.body.errors?.map((error) => error.pointer)]).toEqual([422, ["/customer_id"]])
  })

  it("a customer sees their own orders only, the newest first", async () => {
    const other = await newCustomer(rest.url)
    const mine = [
      await newOrder(rest.url, other.access_token, productId),
      await newOrder(rest.url, other.access_token, productId)
    ]
    const page = await call<{ data: ReadonlyArray<PlacedOrder>; next_cursor: string; has_more: boolean }>(
      rest.url,
      "GET",
      "/v1/orders?limit=1",
      { token: other.access_token }
    )
    expect([page.body.data.map((order) => order.id), page.body.has_more]).toEqual([[mine[1]?.id], true])
    const next = await call<{ data: ReadonlyArray<PlacedOrder>; has_more: boolean }>(
      rest.url,
      "GET",
      `/v1/orders?limit=1&cursor=${page.body.next_cursor}`,
      { token: other.access_token }
    )
    expect([next.body.data.map((order) => order.id), next.body.has_more]).toEqual([[mine[0]?.id], false])
    for (const path of ["", "/submit", "/cancel"]) {
      const method = path === "" ? "GET" : "POST"
      const foreign = await call(rest.url, method, `/v1/orders/${mine[0]?.id}${path}`, {
        token: customer.access_token,
        ...(method === "POST" ? { body: {} } : {})
      })
      expect(foreign.status, path).toBe(404)
    }
  })

  it("confirming begins one shipment, however often it is asked", async () => {
    const order = await newOrder(rest.url, customer.access_token, productId)
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(`/v1/orders/${order.id}/confirm`, admin)))
    const ids = new Set(answers.map((answer) => answer.body.shipment_id))
    expect([answers.every((answer) => answer.status === 200), ids.size, [...ids][0]?.startsWith("shp_")]).toEqual([
      true,
      1,
      true
    ])
    expect(answers[0]?.body).toMatchObject({ status: "confirmed", shipment_status: "dispatching" })
    const byCustomer = await post(`/v1/orders/${order.id}/confirm`, customer.access_token)
    expect([byCustomer.status, byCustomer.body.code]).toEqual([403, "not_permitted"])
  })

  it("a draft cannot be confirmed, and the answer says what can be done", async () => {
    const draft = await newOrder(rest.url, customer.access_token, productId, { submit: false })
    const answer = await call<{ code: string; allowed: ReadonlyArray<string> }>(
      rest.url,
      "POST",
      `/v1/orders/${draft.id}/confirm`,
      { token: admin, body: {} }
    )
    expect([answer.status, answer.body.code, answer.body.allowed]).toEqual([
      409,
      "illegal_transition",
      ["submit", "cancel"]
    ])
  })

  it("cancelling gives the stock back once, and takes the shipment along", async () => {
    const id = await newProduct(rest.url, admin, 5)
    const order = await newOrder(rest.url, customer.access_token, id, { items: [{ product_id: id, quantity: 5 }] })
    await post(`/v1/orders/${order.id}/confirm`, admin)
    const cancelled = await post(`/v1/orders/${order.id}/cancel`, customer.access_token, { reason: "changed my mind" })
    expect(cancelled.body).toMatchObject({ status: "cancelled", shipment_status: "cancelled" })
    const again = await post(`/v1/orders/${order.id}/cancel`, customer.access_token, {})
    expect([again.status, await stockOf(id)]).toEqual([200, 5])
  })

  it("a customer cannot cancel what a driver has, and staff can until the pickup", async () => {
    const { orderId, shipmentId } = await newShipment(rest.url, admin, customer.access_token)
    const driver = await newDriver(rest.url, admin)
    await post(`/v1/shipments/${shipmentId}/assign`, admin, { driver_id: driver.id })
    const refused = await post(`/v1/orders/${orderId}/cancel`, customer.access_token, {})
    expect([refused.status, refused.body.code]).toEqual([409, "illegal_transition"])
    const cancelled = await post(`/v1/orders/${orderId}/cancel`, admin, {})
    expect(cancelled.body).toMatchObject({ status: "cancelled", shipment_status: "cancelled" })
  })

  it("an order keeps the address it was placed with, whatever becomes of the list", async () => {
    const made = await call<{ id: string }>(rest.url, "POST", "/v1/customers/me/addresses", {
      token: customer.access_token,
      body: { ...testAddress, label: "Home" }
    })
    const order = await newOrder(rest.url, customer.access_token, productId, {
      delivery_address: undefined,
      delivery_address_id: made.body.id
    })
    const moved = await call<{ line1: string }>(rest.url, "PATCH", `/v1/customers/me/addresses/${made.body.id}`, {
      token: customer.access_token,
      body: { line1: "Elsewhere 2" }
    })
    expect([moved.status, moved.body.line1]).toEqual([200, "Elsewhere 2"])
    const read = await call<{ delivery_address: { line1: string } }>(rest.url, "GET", `/v1/orders/${order.id}`, {
      token: customer.access_token
    })
    expect(read.body.delivery_address.line1).toBe(testAddress.line1)
    const removed = await call(rest.url, "DELETE", `/v1/customers/me/addresses/${made.body.id}`, {
      token: customer.access_token
    })
    expect(removed.status).toBe(204)
    const list = await call<{ data: ReadonlyArray<unknown> }>(rest.url, "GET", "/v1/customers/me/addresses", {
      token: customer.access_token
    })
    expect(list.body.data).toEqual([])
  })

  it("an external id names one order of whoever placed it", async () => {
    await newOrder(rest.url, customer.access_token, productId, { external_id: "shop-77" })
    const answer = await post("/v1/orders", customer.access_token, {
      items: [{ product_id: productId, quantity: 1 }],
      delivery_address: testAddress,
      channel: "web",
      external_id: "shop-77"
    })
    expect([answer.status, answer.body.code]).toEqual([409, "external_id_taken"])
  })
})
