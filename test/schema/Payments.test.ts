import { Effect, Redacted } from "effect"
import pg from "pg"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { migrate } from "../../src/persistence/Migrations.ts"
import { type FreshDatabase, freshDatabase } from "../kit/TestServices.ts"
import { goodRows, idOf, insertRow } from "./GoodRows.ts"

let database: FreshDatabase
let client: pg.Client

beforeAll(async () => {
  database = await freshDatabase()
  await Effect.runPromise(migrate(Redacted.make(database.url)))
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
  const needed = [
    "users",
    "wechat_accounts",
    "customers",
    "idempotency_keys",
    "delivery_addresses",
    "orders",
    "payments"
  ]
  for (const [table, row] of goodRows) if (needed.includes(table)) await insertRow(client, table, row)
}, 60_000)

beforeEach(async () => {
  await client.query("DELETE FROM refunds")
  await client.query("UPDATE payments SET refunded_amount = 0")
})

afterAll(async () => {
  await client.end()
  await database.drop()
})

const refund = (by: pg.Client, n: number, amount: string) =>
  by.query("INSERT INTO refunds (id, payment_id, amount) VALUES ($1, $2, $3)", [idOf(1_000 + n), idOf(13), amount])

const refunded = async (): Promise<string> =>
  (await client.query<{ refunded_amount: string }>("SELECT refunded_amount FROM payments")).rows[0]?.refunded_amount ??
  ""

describe("refunds", () => {
  it("may add up to what was settled, to the cent, and not to more", async () => {
    await refund(client, 1, "3.33")
    await refund(client, 2, "6.67")
    expect(await refunded()).toBe("10.00")
    await expect(refund(client, 3, "0.01")).rejects.toMatchObject({ constraint: "payments_refunded_within" })
    expect(await refunded()).toBe("10.00")
  })

  it("that fail give their amount back, once", async () => {
    await refund(client, 1, "10")
    await client.query("UPDATE refunds SET status = 'failed'")
    await client.query("UPDATE refunds SET status = 'failed'")
    expect(await refunded()).toBe("0.00")
    await client.query("UPDATE refunds SET status = 'pending'")
    await client.query("UPDATE refunds SET status = 'succeeded'")
    expect(await refunded()).toBe("10.00")
  })

  it("keep their payment and their amount", async () => {
    await refund(client, 1, "1")
    await expect(client.query("UPDATE refunds SET amount = 2")).rejects.toMatchObject({ constraint: "refunds_fixed" })
  })

  it("asked for by fifty at once never exceed what was settled", async () => {
    const askers = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const asker = new pg.Client({ connectionString: database.url })
        await asker.connect()
        return asker
      })
    )
    const answers = await Promise.allSettled(
      Array.from({ length: 50 }, (_, n) => refund(askers[n % askers.length] as pg.Client, n, "0.30"))
    )
    await Promise.all(askers.map((asker) => asker.end()))
    expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(33)
    expect(await refunded()).toBe("9.90")
  })

  it("and the order of a payment cannot be deleted from under it", async () => {
    await expect(client.query("DELETE FROM orders")).rejects.toMatchObject({
      code: expect.stringMatching(/^23(001|503)$/)
    })
  })
})
