import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { newOrder, newProduct } from "../../kit/PlacedOrder.ts"
import { adminToken, call, newCustomer, newDriver } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"

interface Row {
  readonly id: string
  readonly status: string
  readonly customer_name: string | null
  readonly pieces: number
  readonly shipment_id: string | null
  readonly shipment_status: string | null
  readonly driver: { readonly id: string; readonly name: string } | null
  readonly changed_at: string
  readonly ended_at: string | null
}

let rest: RestServer
let admin: string
let productId: string

beforeAll(async () => {
  rest = await startRest()
  admin = await adminToken(rest.url)
  productId = await newProduct(rest.url, admin)
})
afterAll(() => rest.stop())

const board = async (query = ""): Promise<ReadonlyArray<Row>> => {
  const rows: Array<Row> = []
  for (let cursor = ""; ; ) {
    const path = `/v1/board?limit=3${query}${cursor === "" ? "" : `&cursor=${cursor}`}`
    const answer = await call<{ data: Array<Row>; next_cursor: string | null }>(rest.url, "GET", path, { token: admin })
    expect(answer.status, answer.text).toBe(200)
    rows.push(...answer.body.data)
    if (answer.body.next_cursor === null) return rows
    cursor = answer.body.next_cursor
  }
}

const post = async (path: string, body: unknown): Promise<void> => {
  const answer = await call(rest.url, "POST", path, { token: admin, body })
  expect(answer.status, answer.text).toBeLessThan(300)
}

const place = (name: string) => newOrder(rest.url, admin, productId, { contact: { name } })
const rowOf = async (id: string, query = ""): Promise<Row | undefined> =>
  (await board(query)).find((row) => row.id === id)

describe("the board", () => {
  it("holds what is open and what ended lately, page by page, and no draft", async () => {
    const orders = await Promise.all(["A", "B", "C", "D"].map(place))
    const draft = await newOrder(rest.url, admin, productId, { contact: { name: "E" }, submit: false })
    await post(`/v1/orders/${orders[0]?.id}/cancel`, {})
    const rows = await board()
    expect(rows.map(({ id }) => id)).toEqual(
      rows
        .map(({ id }) => id)
        .toSorted()
        .toReversed()
    )
    for (const { id } of orders) expect(rows.filter((row) => row.id === id)).toHaveLength(1)
    expect(rows.some(({ id }) => id === draft.id)).toBe(false)
    expect(rows.find(({ id }) => id === orders[0]?.id)).toMatchObject({ status: "cancelled", customer_name: "A" })
    expect(rows.find(({ id }) => id === orders[1]?.id)).toMatchObject({ ended_at: null, pieces: 1, shipment_id: null })
  })

  it("names the driver who has an order, and nobody once it is taken away", async () => {
    const { id } = await place("Mary")
    await post(`/v1/orders/${id}/confirm`, {})
    const shipmentId = (await rowOf(id))?.shipment_id
    const driver = await newDriver(rest.url, admin, "Ada Lovelace")
    await post(`/v1/shipments/${shipmentId}/assign`, { driver_id: driver.id })
    expect(await rowOf(id)).toMatchObject({
      shipment_status: "assigned",
      driver: { id: driver.id, name: "Ada Lovelace" }
    })
    await post(`/v1/shipments/${shipmentId}/unassign`, {})
    expect(await rowOf(id)).toMatchObject({ shipment_status: "dispatching", driver: null })
  })

  it("tells what changed since, and nothing else", async () => {
    const [first, second] = [await place("First"), await place("Second")]
    const seen = (await rowOf(second.id))?.changed_at ?? ""
    const since = `&changed_since=${new Date(Date.parse(seen) + 1).toISOString()}`
    expect(await board(since)).toEqual([])
    await post(`/v1/orders/${first.id}/confirm`, {})
    expect((await board(since)).map(({ id }) => id)).toEqual([first.id])
    const bad = await call(rest.url, "GET", "/v1/board?changed_since=yesterday", { token: admin })
    expect([bad.status, bad.body.code]).toEqual([400, "invalid_query"])
  })

  it("is for staff", async () => {
    const { access_token: token } = await newCustomer(rest.url)
    const answer = await call(rest.url, "GET", "/v1/board", { token })
    expect([answer.status, answer.body.code]).toEqual([403, "not_permitted"])
  })
})
