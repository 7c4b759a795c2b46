import { Effect, Redacted } from "effect"
import pg from "pg"
import { afterEach, beforeEach, expect, it } from "vitest"
import { migrate } from "../../src/persistence/Migrations.ts"
import { seed } from "../../src/persistence/Seed.ts"
import { type FreshDatabase, freshDatabase } from "../kit/TestServices.ts"

let database: FreshDatabase
let url: Redacted.Redacted

beforeEach(async () => {
  database = await freshDatabase()
  url = Redacted.make(database.url)
  await Effect.runPromise(migrate(url))
})

afterEach(() => database.drop())

const hashPassword = (password: Redacted.Redacted) => Effect.succeed(`hash of ${Redacted.value(password)}`)

const query = async (text: string): Promise<ReadonlyArray<Record<string, unknown>>> => {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

it("makes settings, flags and an administrator with a generated password, which it gives once", async () => {
  const first = await Effect.runPromise(seed(url, { hashPassword }))
  const again = await Effect.runPromise(seed(url, { hashPassword }))
  expect(first).toMatchObject({ adminEmail: "admin@dropmate.local", adminMade: true, samplesMade: 4 })
  expect(again).toMatchObject({
    adminMade: false,
    generatedPassword: undefined,
    settingsMade: 0,
    flagsMade: 0,
    samplesMade: 0
  })
  const password = first.generatedPassword === undefined ? "" : Redacted.value(first.generatedPassword)
  expect(password.length).toBeGreaterThanOrEqual(20)
  expect(await query("SELECT u.password_hash, r.role FROM users u JOIN user_roles r ON r.user_id = u.id")).toEqual([
    { password_hash: `hash of ${password}`, role: "admin" }
  ])
  expect(await query("SELECT value FROM system_settings WHERE key = 'dispatch.mode'")).toEqual([{ value: "automatic" }])
})

it("makes one administrator when several nodes seed at once", async () => {
  await Promise.all([1, 2, 3, 4].map(() => Effect.runPromise(seed(url, { hashPassword }))))
  expect(await query("SELECT count(*)::int AS n FROM users")).toEqual([{ n: 1 }])
})

it("gives no samples to a shop that has products of its own, even deleted ones", async () => {
  await query(
    "INSERT INTO products (id, name, price, currency, stock, deleted_at) VALUES (gen_random_uuid(), 'Own', 1, 'EUR', 1, now())"
  )
  await Effect.runPromise(seed(url, { hashPassword }))
  expect(await query("SELECT name FROM products")).toEqual([{ name: "Own" }])
})

it("keeps what was changed since", async () => {
  await Effect.runPromise(seed(url, { hashPassword }))
  await query("UPDATE system_settings SET value = '\"manual\"' WHERE key = 'dispatch.mode'")
  await Effect.runPromise(
    seed(url, { hashPassword, adminEmail: "Admin@DropMate.local", adminPassword: Redacted.make("another") })
  )
  expect(await query("SELECT value FROM system_settings WHERE key = 'dispatch.mode'")).toEqual([{ value: "manual" }])
  expect(await query("SELECT count(*)::int AS n FROM users WHERE password_hash LIKE '%another'")).toEqual([{ n: 0 }])
})

it("makes the administrator that the environment names beside one that exists", async () => {
  await Effect.runPromise(seed(url, { hashPassword }))
  const second = await Effect.runPromise(
    seed(url, { hashPassword, adminEmail: "ops@example.com", adminPassword: Redacted.make("given") })
  )
  expect(second).toMatchObject({ adminEmail: "ops@example.com", adminMade: true, generatedPassword: undefined })
})

it("refuses an administrator's address that belongs to somebody else", async () => {
  await query(
    "INSERT INTO users (id, email, name, role) VALUES (gen_random_uuid(), 'ops@example.com', 'Other', 'customer')"
  )
  const refused = await Effect.runPromise(Effect.flip(seed(url, { hashPassword, adminEmail: "ops@example.com" })))
  expect(refused).toMatchObject({ _tag: "SeedRefused", email: "ops@example.com" })
  expect(await query("SELECT count(*)::int AS n FROM system_settings")).toEqual([{ n: 0 }])
})
