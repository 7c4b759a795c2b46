import { randomUUID } from "node:crypto"
import { Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { taskShape } from "../../../src/actors/tasks/TaskShape.ts"
import { bareId } from "../../../src/domain/Ids.ts"
import { DatabaseUrl } from "../../../src/persistence/Database.ts"
import { inRowScope, systemScope } from "../../../src/persistence/RowScope.ts"
import { TaskRepo } from "../../../src/persistence/shipments/TaskRepo.ts"
import { newShipment } from "../../kit/PlacedOrder.ts"
import { adminToken, call, newCustomer, newDriver } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"
import { beginUpload, newPicture, upload } from "../../kit/Uploads.ts"

interface Message {
  readonly id: string
  readonly author_role: string
  readonly text: string
  readonly attachments: ReadonlyArray<string>
  readonly created_at: string
  readonly code?: string
}

interface Page {
  readonly data: ReadonlyArray<Message>
  readonly next_cursor: string | null
}

let rest: RestServer
let admin: string

beforeAll(async () => {
  rest = await startRest()
  admin = await adminToken(rest.url)
})
afterAll(() => rest.stop())

/** An order whose parcel a driver brings, and its thread. */
const conversation = async () => {
  const customer = (await newCustomer(rest.url)).access_token
  const driver = await newDriver(rest.url, admin)
  const { orderId, shipmentId } = await newShipment(rest.url, admin, customer)
  await call(rest.url, "POST", `/v1/shipments/${shipmentId}/assign`, { token: admin, body: { driver_id: driver.id } })
  const opened = await call<{ id: string }>(rest.url, "POST", "/v1/threads", {
    token: customer,
    body: { context_type: "order", context_id: orderId }
  })
  expect(opened.status).toBe(201)
  return { customer, driver, orderId, shipmentId, threadId: opened.body.id }
}

const say = (threadId: string, token: string, text: string, more: Readonly<Record<string, unknown>> = {}) =>
  call<Message>(rest.url, "POST", `/v1/threads/${threadId}/messages`, { token, body: { text, ...more } })

const read = async (threadId: string, token: string, query = "") =>
  (await call<Page>(rest.url, "GET", `/v1/threads/${threadId}/messages${query}`, { token })).body

const unread = async (threadId: string, token: string) =>
  (await call<{ unread: number }>(rest.url, "GET", `/v1/threads/${threadId}`, { token })).body.unread

describe("an order's thread", () => {
  it("is one for its customer, its driver and staff, who see each other's roles and nothing else", async () => {
    const { customer, driver, orderId, threadId } = await conversation()
    const said = [
      [customer, "ring twice"],
      [driver.token, "on my way"],
      [admin, "all is well"]
    ] as const
    for (const [token, text] of said) expect((await say(threadId, token, text)).status).toBe(201)
    for (const token of [customer, driver.token, admin]) {
      const { data } = await read(threadId, token)
      expect(data.map(({ author_role, text }) => [author_role, text])).toEqual([
        ["customer", "ring twice"],
        ["driver", "on my way"],
        ["staff", "all is well"]
      ])
      const listed = await call<{ data: ReadonlyArray<{ id: string }> }>(
        rest.url,
        "GET",
        `/v1/threads?context_type=order&context_id=${orderId}`,
        { token }
      )
      expect(listed.body.data.map(({ id }) => id)).toEqual([threadId])
    }
    const first = await read(threadId, customer, "?limit=2")
    const rest2 = await read(threadId, customer, `?limit=2&cursor=${first.next_cursor}`)
    expect([...first.data, ...rest2.data].map(({ text }) => text)).toEqual(said.map(([, text]) => text))
    const log = await rest.run(
      inRowScope(
        systemScope,
        Effect.flatMap(
          SqlClient.SqlClient,
          (sql) => sql`SELECT actor_kind, data ->> 'author_role' AS role FROM shipment_events
            WHERE order_id = ${bareId("order", orderId) ?? ""} AND type = 'message.created' ORDER BY event_no`
        )
      )
    )
    expect(log).toEqual([
      { actor_kind: "customer", role: "customer" },
      { actor_kind: "driver", role: "driver" },
      { actor_kind: "admin", role: "staff" }
    ])
  })

  it("is named to the driver with the customer's first name, and no more of them", async () => {
    const { driver, threadId, orderId } = await conversation()
    const told = await rest.run(
      Effect.provide(
        Effect.flatMap(TaskRepo, (repo) => repo.workOf(bareId("driver", driver.id) ?? "")),
        TaskRepo.layer.pipe(Layer.provide(Layer.succeed(DatabaseUrl, Redacted.make(rest.databaseUrl))))
      )
    )
    expect(told.tasks.map(taskShape)[0]?.contact).toEqual({ first_name: "Customer", thread_id: threadId })
    expect(threadId.slice(4)).toBe(orderId.slice(4))
  })

  it("does not exist for another customer, another driver, or the driver once it was taken from them", async () => {
    const { customer, driver, orderId, shipmentId, threadId } = await conversation()
    const { body: message } = await say(threadId, customer, "secret")
    const absentFor = async (token: string): Promise<void> => {
      const asks = [
        ["GET", `/v1/threads/${threadId}`],
        ["GET", `/v1/threads/${threadId}/messages`],
        ["POST", `/v1/threads/${threadId}/messages`, { text: "x" }],
        ["PATCH", `/v1/threads/${threadId}`, { read_message_id: message.id }],
        ["GET", `/v1/threads?context_type=order&context_id=${orderId}`],
        ["POST", "/v1/threads", { context_type: "order", context_id: orderId }],
        ["DELETE", `/v1/messages/${message.id}`]
      ] as const
      for (const [method, path, body] of asks) {
        const answer = await call(rest.url, method, path, { token, ...(body === undefined ? {} : { body }) })
        expect([answer.status, answer.body.code], `${method} ${path}`).toEqual([404, "not_found"])
      }
    }
    await absentFor((await newCustomer(rest.url)).access_token)
    await absentFor((await newDriver(rest.url, admin)).token)
    expect((await say(threadId, driver.token, "mine for now")).status).toBe(201)
    await call(rest.url, "POST", `/v1/shipments/${shipmentId}/unassign`, { token: admin, body: {} })
    await absentFor(driver.token)
  })

  it("keeps a message that is sent again once, and refuses its id for another", async () => {
    const { customer, driver, threadId } = await conversation()
    const id = `msg_${randomUUID()}`
    const answers = await Promise.all([1, 2, 3].map(() => say(threadId, customer, "hello", { id })))
    expect(answers.map(({ status, body }) => [status, body.id])).toEqual(Array(3).fill([201, id]))
    expect((await read(threadId, customer)).data).toHaveLength(1)
    for (const again of [
      await say(threadId, customer, "other", { id }),
      await say(threadId, driver.token, "hello", { id })
    ])
      expect([again.status, again.body.code]).toEqual([409, "message_id_taken"])
  })

  it("counts what one has not read, without one's own words, and a cursor never goes back", async () => {
    const { customer, driver, threadId } = await conversation()
    const ids: Array<string> = []
    for (const text of ["one", "two", "three"]) ids.push((await say(threadId, customer, text)).body.id)
    expect([await unread(threadId, driver.token), await unread(threadId, customer)]).toEqual([3, 0])
    const readTo = (id: string | undefined) =>
      call(rest.url, "PATCH", `/v1/threads/${threadId}`, { token: driver.token, body: { read_message_id: id } })
    expect((await readTo(ids[1])).body).toMatchObject({ unread: 1 })
    expect((await readTo(ids[0])).body).toMatchObject({ unread: 1 })
    expect((await readTo(`msg_${randomUUID()}`)).status).toBe(422)
    const until = (await read(threadId, customer)).data[1]?.created_at
    const readsFor = async (token: string) =>
      (await call<{ reads: unknown }>(rest.url, "GET", `/v1/threads/${threadId}`, { token })).body.reads
    expect(await readsFor(admin)).toEqual([{ role: "driver", read_until: until }])
    expect([await readsFor(customer), await readsFor(driver.token)]).toEqual([[], []])
  })

  it("carries pictures of its author alone, which the others may then see", async () => {
    const { customer, driver, threadId } = await conversation()
    const picture = await upload(rest.url, customer, newPicture(), "attachment")
    const known = () => call(rest.url, "GET", `/v1/files/${picture.id}/download`, { token: driver.token })
    expect((await known()).status).toBe(404)
    const foreign = await upload(rest.url, driver.token, newPicture(), "attachment")
    const unfinished = (await beginUpload(rest.url, customer, newPicture())).body
    for (const id of [foreign.id, unfinished.id])
      expect((await say(threadId, customer, "look", { attachments: [id] })).body.code).toBe("invalid_body")
    expect((await say(threadId, customer, "look", { attachments: [picture.id] })).body.attachments).toEqual([
      picture.id
    ])
    expect((await known()).status).toBe(200)
  })

  it("loses a message's words when its author or staff take it away, and to nobody else", async () => {
    const { customer, driver, threadId } = await conversation()
    const first = (await say(threadId, customer, "one")).body.id
    const second = (await say(threadId, customer, "two")).body.id
    const remove = (id: string, token: string) => call(rest.url, "DELETE", `/v1/messages/${id}`, { token })
    expect((await remove(first, driver.token)).status).toBe(403)
    expect((await remove(first, customer)).status).toBe(204)
    expect((await remove(second, admin)).status).toBe(204)
    expect((await read(threadId, driver.token)).data.map(({ text }) => text)).toEqual(["", ""])
    expect(await unread(threadId, driver.token)).toBe(0)
  })
})
