import { randomUUID } from "node:crypto"
import pg from "pg"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { eventTypes } from "../../../src/domain/EventCatalog.ts"
import { newOrder, newProduct, newShipment } from "../../kit/PlacedOrder.ts"
import { adminToken, call, newCustomer } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"

interface LogPage {
  readonly data: ReadonlyArray<{
    readonly id: string
    readonly type: string
    readonly sequence: number
    readonly order_id: string
    readonly shipment_id: string | null
    readonly shipment_sequence: number | null
    readonly actor: { readonly kind: string; readonly id: string | null }
    readonly data: Readonly<Record<string, unknown>>
  }>
  readonly next_after: string
  readonly has_more: boolean
}

let rest: RestServer
let admin: string
let owner: pg.Client

beforeAll(async () => {
  rest = await startRest()
  admin = await adminToken(rest.url)
  owner = new pg.Client({ connectionString: rest.databaseUrl })
  await owner.connect()
}, 60_000)

afterAll(async () => {
  await owner.end()
  await rest.stop()
})

// No worker runs beside this server: the test itself numbers events, so it knows which are in the log.
const publish = async (): Promise<void> => {
  await owner.query("SELECT publish_events(1000)")
}

const pull = async (query: Readonly<Record<string, string>> = {}): Promise<LogPage> => {
  const answer = await call<LogPage>(rest.url, "GET", `/v1/events?${new URLSearchParams(query)}`, { token: admin })
  if (answer.status !== 200) throw new Error(`answered ${answer.status}: ${answer.text}`)
  return answer.body
}

/** The place behind everything that is in the log. */
const end = async (): Promise<string> => {
  let page = await pull({ limit: "1000" })
  while (page.has_more) page = await pull({ after: page.next_after, limit: "1000" })
  return page.next_after
}

const refusal = async (query: Readonly<Record<string, string>>) => {
  const { status, body } = await call(rest.url, "GET", `/v1/events?${new URLSearchParams(query)}`, { token: admin })
  return { status, code: body.code }
}

describe("GET /v1/events", () => {
  it("answers an empty log with a place to go on from", async () => {
    const page = await pull()
    expect(page).toMatchObject({ data: [], has_more: false })
    const { orderId } = await newShipment(rest.url, admin)
    expect((await pull({ after: page.next_after })).data).toEqual([])
    await publish()
    const [first] = (await pull({ after: page.next_after })).data
    expect(first).toMatchObject({ type: "order.drafted", order_id: orderId, sequence: 1, shipment_id: null })
  })

  it("hands every event out once, in the log's order, page by page", async () => {
    const start = await end()
    const { orderId, shipmentId } = await newShipment(rest.url, admin)
    await publish()
    const seen: Array<LogPage["data"][number]> = []
    let page = await pull({ after: start, limit: "2" })
    for (;;) {
      seen.push(...page.data)
      if (!page.has_more) break
      page = await pull({ after: page.next_after, limit: "2" })
    }
    expect(seen.map(({ sequence, type, shipment_sequence }) => [sequence, type, shipment_sequence])).toEqual([
      [1, "order.drafted", null],
      [2, "order.submitted", null],
      [3, "order.confirmed", null],
      [4, "shipment.created", 1],
      [5, "shipment.dispatching", 2]
    ])
    expect(new Set(seen.map(({ id }) => id)).size).toBe(5)
    expect(seen[3]).toMatchObject({
      id: expect.stringMatching(/^evt_/),
      order_id: orderId,
      shipment_id: shipmentId,
      actor: { kind: "admin", id: expect.stringMatching(/^usr_/) },
      data: { stops: [{ stop_id: expect.stringMatching(/^stp_/), type: "pickup", position: 1 }, { type: "dropoff" }] }
    })
  })

  it("hands out only the types that are asked for, and moves past the others", async () => {
    const start = await end()
    await newShipment(rest.url, admin)
    await publish()
    const some = await pull({ after: start, types: "shipment.created,order.drafted" })
    expect(some.data.map(({ type }) => type)).toEqual(["order.drafted", "shipment.created"])
    expect(some.has_more).toBe(false)
    const none = await pull({ after: start, types: "shipment.delivered" })
    expect(none).toEqual({ data: [], next_after: some.next_after, has_more: false })
  })

  it("waits for the next event when it is asked to", async () => {
    const start = await end()
    const waiting = pull({ after: start, wait_s: "30" })
    await newOrder(rest.url, admin, await newProduct(rest.url, admin))
    await publish()
    expect((await waiting).data.map(({ type }) => type)).toEqual(["order.drafted", "order.submitted"])
  })

  it("waits on while only others' events come, and then answers where it stands", async () => {
    const start = await end()
    const waiting = pull({ after: start, types: "shipment.delivered", wait_s: "2" })
    await newShipment(rest.url, admin)
    await publish()
    expect(await waiting).toEqual({ data: [], next_after: await end(), has_more: false })
  })

  it("never hands out an event before one that it has handed out already", async () => {
    const start = await end()
    const slow = new pg.Client({ connectionString: rest.databaseUrl })
    await slow.connect()
    const product = await newProduct(rest.url, admin)
    const [first, second] = [await newOrder(rest.url, admin, product), await newOrder(rest.url, admin, product)]
    await publish()
    const after = await end()
    await slow.query("BEGIN")
    await slow.query(
      `INSERT INTO shipment_events (id, order_id, event_no, type, occurred_at, actor_kind, cause)
       VALUES ($1, $2, 3, 'order.cancelled', now(), 'system', 'test')`,
      [randomUUID(), first.id.slice(4)]
    )
    await call(rest.url, "POST", `/v1/orders/${second.id}/cancel`, { token: admin, body: {} })
    await publish()
    const seen = await pull({ after })
    await slow.query("COMMIT")
    await slow.end()
    await publish()
    const late = await pull({ after: seen.next_after })
    expect(seen.data.map((event) => event.order_id)).toEqual([second.id])
    expect(late.data.map((event) => event.order_id)).toEqual([first.id])
    expect((await pull({ after: start })).data.slice(-2)).toEqual([...seen.data, ...late.data])
  })

  it("says that a place is trimmed, or of another log", async () => {
    const begin = await pull({ limit: "1" })
    const later = await pull({ after: begin.next_after, limit: "1" })
    const last = await end()
    await owner.query("BEGIN")
    try {
      await owner.query("UPDATE outbox SET settled_at = now() WHERE published_no <= 3")
      await owner.query("SELECT trim_events(now() + interval '1 hour', 1000)")
      await owner.query("COMMIT")
    } catch (error) {
      await owner.query("ROLLBACK")
      throw error
    }
    expect(await refusal({ after: begin.next_after })).toEqual({ status: 410, code: "events_trimmed" })
    expect(await refusal({ after: later.next_after })).toEqual({ status: 410, code: "events_trimmed" })
    expect((await pull()).data[0]).toMatchObject({ sequence: 4 })
    const [, place] = JSON.parse(Buffer.from(last, "base64url").toString()) as [string, { no: number; id: string }]
    const other = (no: number, id: string): string =>
      Buffer.from(JSON.stringify(["events", { no, id }])).toString("base64url")
    expect(await refusal({ after: other(place.no, randomUUID()) })).toEqual({
      status: 410,
      code: "event_cursor_unknown"
    })
    expect(await refusal({ after: other(place.no + 1, place.id) })).toEqual({
      status: 410,
      code: "event_cursor_unknown"
    })
  })

  it("refuses what it does not understand", async () => {
    expect(await refusal({ after: "x" })).toEqual({ status: 400, code: "invalid_cursor" })
    expect(await refusal({ types: "order.drafted,order.lost" })).toEqual({ status: 400, code: "invalid_query" })
    expect(await refusal({ limit: "1001" })).toEqual({ status: 400, code: "invalid_query" })
    expect(await refusal({ wait_s: "31" })).toEqual({ status: 400, code: "invalid_query" })
    const customer = await newCustomer(rest.url)
    const asked = await call(rest.url, "GET", "/v1/events", { token: customer.access_token })
    expect(asked.status).toBe(403)
  })
})

describe("GET /v1/event-types", () => {
  it("describes every type by JSON Schema", async () => {
    const { status, body } = await call<{
      data: ReadonlyArray<{ type: string; summary: string; schema: Record<string, unknown> }>
    }>(rest.url, "GET", "/v1/event-types", { token: admin })
    expect(status).toBe(200)
    expect(body.data.map(({ type }) => type)).toEqual(eventTypes)
    expect(body.data.find(({ type }) => type === "shipment.assigned")?.schema).toMatchObject({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      title: "shipment.assigned",
      type: "object",
      properties: { driver_id: { type: "string", pattern: expect.stringMatching(/^\^drv_/) } },
      required: ["assignment_id", "driver_id", "fencing_token"]
    })
    for (const { summary } of body.data) expect(summary).toMatch(/^[A-Z].*\.$/)
  })
})
