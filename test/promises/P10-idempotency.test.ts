import { randomUUID } from "node:crypto"
import pg from "pg"
import { expect, it, onTestFinished } from "vitest"
import { newProduct, testAddress } from "../kit/PlacedOrder.ts"
import { promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { call, login, newCustomer } from "../kit/RestCaller.ts"
import { processAdmin, ServerProcess } from "../kit/ServerProcess.ts"
import { serverServices } from "../kit/ServerServices.ts"
import { until } from "../kit/Until.ts"

const kills = promiseSize({ ci: 2, nightly: 40 })
const posters = 100

interface Answered {
  readonly id: string
  readonly status: string
  readonly code?: string
}

const started = async () => {
  const { environment, databaseUrl } = await serverServices()
  const server = await ServerProcess.start(environment)
  const owner = new pg.Client({ connectionString: databaseUrl })
  await owner.connect()
  onTestFinished(() => owner.end())
  const admin = async () => (await login(server.url, processAdmin.email, processAdmin.password)).access_token
  const productId = await newProduct(server.url, await admin(), 1_000_000)
  const customer = await newCustomer(server.url)
  const token = async () => (await login(server.url, customer.email, customer.password)).access_token
  return { server, owner, admin, productId, token }
}

const bodyOf = (productId: string, quantity = 1) => ({
  items: [{ product_id: productId, quantity }],
  delivery_address: testAddress,
  channel: "web",
  submit: true
})

const place = (url: string, token: string, key: string, body: unknown) =>
  call<Answered>(url, "POST", "/v1/orders", { token, body, headers: { "idempotency-key": key } })

const countOrders = async (owner: pg.Client): Promise<number> =>
  Number((await owner.query("SELECT count(*) AS n FROM orders")).rows[0].n)

it("P10: a hundred posts at once with one key are one order, and each answer is its bytes or a 409 that may be repeated", async () => {
  const { server, owner, productId, token } = await started()
  const [mine, key, body] = [await token(), randomUUID(), bodyOf(productId)]
  const answers = await Promise.all(Array.from({ length: posters }, () => place(server.url, mine, key, body)))
  const done = answers.filter((each) => each.status === 201)
  const waiting = answers.filter((each) => each.status === 409)
  expect(done.length + waiting.length).toBe(posters)
  expect(new Set(waiting.map((each) => each.body.code)).size).toBeLessThanOrEqual(1)
  for (const { body: refused } of waiting) expect(refused.code).toBe("idempotency_in_flight")
  const again = await Promise.all(waiting.map(() => place(server.url, mine, key, body)))
  expect(new Set([...done, ...again].map((each) => `${each.status} ${each.text}`)).size).toBe(1)
  expect(await countOrders(owner)).toBe(1)
  // Another body, and another client's key of the same name.
  expect(await place(server.url, mine, key, bodyOf(productId, 2))).toMatchObject({
    status: 422,
    body: { code: "idempotency_key_reused" }
  })
  const other = await place(server.url, (await newCustomer(server.url)).access_token, key, body)
  expect([other.status, other.body.id === done[0]?.body.id]).toEqual([201, false])
  expect(await countOrders(owner)).toBe(2)
  // An hour later, on a node that was started since.
  await server.kill9()
  await server.startAgain({ DROPMATE_CLOCK_OFFSET_MS: String(3_600_000) })
  const later = await place(server.url, await token(), key, body)
  expect([later.status, later.text]).toEqual([201, done[0]?.text])
  expect(later.headers.get("idempotent-replayed")).toBe("true")
  expect(await countOrders(owner)).toBe(2)
  reportPromise("P10", { posters, answered: done.length, in_flight: waiting.length })
}, 120_000)

it("P10: kill -9 in the middle of a request changes nothing, and the repetition makes one order", {
  timeout: 60_000 + kills * 30_000
}, async () => {
  const { server, owner, productId, token } = await started()
  for (let kill = 0; kill < kills; kill++) {
    const [mine, key, body] = [await token(), randomUUID(), bodyOf(productId)]
    const before = await countOrders(owner)
    let told: string | undefined
    if (kill % 2 === 0) {
      // Inside its transaction, after the order is written: the product's row is somebody else's.
      await owner.query("BEGIN")
      await owner.query("SELECT FROM products WHERE id = $1 FOR UPDATE", [productId.slice(4)])
      void place(server.url, mine, key, body).catch(() => undefined)
      await until(
        "the request waits",
        async () =>
          (
            await owner.query(
              "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
          ).rows[0].n as number,
        (waiting) => waiting > 0
      )
      await server.kill9()
      await owner.query("ROLLBACK")
      expect(await countOrders(owner)).toBe(before)
    } else {
      // As soon as one of many repetitions has been answered.
      await Promise.race(
        Array.from({ length: posters }, async () => {
          const answer = await place(server.url, mine, key, body).catch(() => undefined)
          if (answer?.status === 201) told = answer.text
          else await new Promise(() => undefined)
        })
      )
      await server.kill9()
    }
    await server.startAgain()
    const fresh = await token()
    const again = await until(
      "the repetition is answered",
      () => place(server.url, fresh, key, body),
      (answer) => answer.status === 201
    )
    if (told !== undefined) expect(again.text).toBe(told)
    expect((await place(server.url, fresh, key, body)).text).toBe(again.text)
    expect(await countOrders(owner)).toBe(before + 1)
  }
  reportPromise("P10", { kills })
})

it("P10: kill -9 while a processor is asked for a payment leaves one authorization, and the repetition carries it on", async () => {
  const { server, owner, productId, token } = await started()
  const order = await place(server.url, await token(), randomUUID(), bodyOf(productId))
  const key = randomUUID()
  const pay = async (by: string) =>
    call<Answered>(server.url, "POST", `/v1/orders/${order.body.id}/payment`, {
      token: by,
      body: { method: "sandbox", token: "tok_slow" },
      headers: { "idempotency-key": key }
    })
  void pay(await token()).catch(() => undefined)
  await until(
    "the processor is asked",
    async () =>
      (await owner.query("SELECT count(*)::int AS n FROM payment_operations WHERE processor_ref IS NOT NULL")).rows[0]
        .n as number,
    (asked) => asked === 1
  )
  await server.kill9()
  await server.startAgain()
  const mine = await token()
  const again = await until(
    "the claim of the dead ends",
    () => pay(mine),
    (answer) => answer.status !== 409,
    60_000
  )
  expect([again.status, again.body.status]).toEqual([201, "authorized"])
  expect((await pay(mine)).text).toBe(again.text)
  const { rows } = await owner.query(
    "SELECT operation, outcome, (SELECT status FROM orders WHERE id = $1) AS order FROM payment_operations",
    [order.body.id.slice(4)]
  )
  expect(rows).toEqual([{ operation: "authorize", outcome: "succeeded", order: "confirmed" }])
}, 120_000)
