import pg from "pg"
import { afterAll, beforeAll, expect, it } from "vitest"
import { type DatabaseProxy, proxyDatabase } from "../kit/DatabaseProxy.ts"
import { adminToken, call, freshEmail } from "../kit/RestCaller.ts"
import { type RestServer, startRest } from "../kit/RestServer.ts"
import { type FreshDatabase, freshDatabase } from "../kit/TestServices.ts"
import { until } from "../kit/Until.ts"

let database: FreshDatabase
let proxy: DatabaseProxy
let rest: RestServer
let admin: string
let owner: pg.Client

beforeAll(async () => {
  database = await freshDatabase()
  proxy = await proxyDatabase(database.url)
  rest = await startRest({ databaseUrl: proxy.url })
  admin = await adminToken(rest.url)
  owner = new pg.Client({ connectionString: database.url })
  await owner.connect()
})
afterAll(async () => {
  await rest.stop()
  await owner.end()
  await proxy.stop()
  await database.drop()
})

let keys = 0
const newKey = (): string => `key-${++keys}`
const create = (key: string, body: unknown, token = admin) =>
  call<{ id: string; code: string }>(rest.url, "POST", "/v1/drivers", {
    token,
    body,
    headers: { "idempotency-key": key }
  })

const countOf = async (email: string): Promise<number> =>
  Number((await owner.query("SELECT count(*) AS n FROM users WHERE email = $1", [email])).rows[0].n)

it("gives the same key and body the same status and bytes, and makes one driver", async () => {
  const key = newKey()
  const body = { email: freshEmail(), name: "Once", vehicle: { type: "van" } }
  const first = await create(key, body)
  const again = await create(key, { vehicle: { type: "van" }, name: "Once", email: body.email })
  expect([again.status, again.text]).toEqual([first.status, first.text])
  expect(first.status).toBe(201)
  expect(first.headers.get("idempotent-replayed")).toBeNull()
  expect(again.headers.get("idempotent-replayed")).toBe("true")
  expect(again.headers.get("location")).toBe(first.headers.get("location"))
  expect(await countOf(body.email)).toBe(1)
})

it("makes one driver of a hundred parallel posts; each gets that answer or is told that it is under way", async () => {
  const key = newKey()
  const body = { email: freshEmail(), name: "Hundred" }
  const answers = await Promise.all(Array.from({ length: 100 }, () => create(key, body)))
  const settled = answers.filter((answer) => answer.status === 201)
  const waiting = answers.filter((answer) => answer.status === 409)
  expect(settled.length + waiting.length).toBe(100)
  expect(new Set(settled.map((answer) => answer.text)).size).toBe(1)
  expect(settled.filter((answer) => answer.headers.get("idempotent-replayed") === null)).toHaveLength(1)
  for (const answer of waiting) {
    expect(answer.body.code).toBe("idempotency_in_flight")
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0)
  }
  expect(await countOf(body.email)).toBe(1)
})

/** Keeps an insert of this address waiting inside its transaction: a row of ours with the same one is not committed. */
const standInTheWay = async (email: string): Promise<void> => {
  await owner.query("BEGIN")
  await owner.query(
    "INSERT INTO users (id, email, name, role) VALUES (gen_random_uuid(), $1, 'In the way', 'customer')",
    [email]
  )
}

const insertWaits = () =>
  until(
    "the insert waits",
    async () => {
      const rows = await owner.query(
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
      )
      return rows.rows[0].n as number
    },
    (waiting) => waiting > 0
  )

it("tells a repetition that the first one is under way, and lets the first one finish", async () => {
  const key = newKey()
  const body = { email: freshEmail(), name: "Slow" }
  await standInTheWay(body.email)
  const first = create(key, body)
  await insertWaits()
  expect(await create(key, body)).toMatchObject({
    status: 409,
    body: { code: "idempotency_in_flight", retryable: true }
  })
  await owner.query("ROLLBACK")
  expect((await first).status).toBe(201)
  expect((await create(key, body)).text).toBe((await first).text)
})

it("refuses another body under a used key, and changes nothing", async () => {
  const key = newKey()
  await create(key, { email: freshEmail(), name: "First" })
  const email = freshEmail()
  expect(await create(key, { email, name: "Second" })).toMatchObject({
    status: 422,
    body: { code: "idempotency_key_reused" }
  })
  expect(await countOf(email)).toBe(0)
})

it("refuses the key on another route", async () => {
  const key = newKey()
  await create(key, { email: freshEmail(), name: "First" })
  const headers = { "idempotency-key": key }
  const other = await call(rest.url, "POST", "/v1/vehicles", { token: admin, body: { type: "van" }, headers })
  expect(other).toMatchObject({ status: 422, body: { code: "idempotency_key_reused" } })
})

it("keeps one caller's keys from another's", async () => {
  const key = newKey()
  const made = await create(key, { email: freshEmail(), name: "Mine" })
  await owner.query("UPDATE idempotency_keys SET client_scope = 'user:other' WHERE external_ref = $1", [key])
  const own = await create(key, { email: freshEmail(), name: "Also mine" })
  expect(own.status).toBe(201)
  expect(own.body.id).not.toBe(made.body.id)
})

it("a refused change leaves the key free", async () => {
  const key = newKey()
  const email = freshEmail()
  await create(newKey(), { email, name: "Taken" })
  expect(await create(key, { email, name: "Refused" })).toMatchObject({ status: 409, body: { code: "email_taken" } })
  expect((await create(key, { email: freshEmail(), name: "Another" })).status).toBe(201)
})

it("a connection that dies before COMMIT leaves neither driver nor answer, and the key works again", async () => {
  const key = newKey()
  const email = freshEmail()
  await standInTheWay(email)
  const cut = create(key, { email, name: "Cut" })
  await insertWaits()
  proxy.cutOnce()
  expect(await cut).toMatchObject({ status: 503, body: { code: "database_unavailable", retryable: true } })
  await owner.query("ROLLBACK")
  expect(await countOf(email)).toBe(0)
  const again = await until(
    "the key works",
    () => create(key, { email, name: "Cut" }),
    (answer) => answer.status === 201
  )
  expect(again.headers.get("idempotent-replayed")).toBeNull()
  expect(await countOf(email)).toBe(1)
})

it("forgets a key after its time", async () => {
  const key = newKey()
  const made = await create(key, { email: freshEmail(), name: "Old" })
  await owner.query("UPDATE idempotency_keys SET expires_at = now() - interval '1 second' WHERE external_ref = $1", [
    key
  ])
  const again = await create(key, { email: freshEmail(), name: "New" })
  expect(again.status).toBe(201)
  expect(again.body.id).not.toBe(made.body.id)
})

it("refuses a key that is empty, too long or not printable", async () => {
  for (const key of ["x".repeat(201), "a b"]) {
    expect(await create(key, { email: freshEmail(), name: "A" })).toMatchObject({
      status: 400,
      body: { code: "invalid_idempotency_key" }
    })
  }
})
