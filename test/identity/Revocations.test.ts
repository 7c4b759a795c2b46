import { Effect, Exit, Layer, Redacted, Scope } from "effect"
import pg from "pg"
import { afterEach, beforeEach, expect, it } from "vitest"
import { type Revocation, Revocations } from "../../src/identity/Revocations.ts"
import { DatabaseUrl } from "../../src/persistence/Database.ts"
import { migrate } from "../../src/persistence/Migrations.ts"
import { type DatabaseProxy, proxyDatabase } from "../kit/DatabaseProxy.ts"
import { type FreshDatabase, freshDatabase } from "../kit/TestServices.ts"
import { until } from "../kit/Until.ts"

const user = "019a0000-0000-7000-8000-000000000001"
const session = (n: number): string => `019a0000-0000-7000-8000-00000000010${n}`

let database: FreshDatabase
let proxy: DatabaseProxy
let scope: Scope.Closeable
let client: pg.Client

beforeEach(async () => {
  database = await freshDatabase()
  proxy = await proxyDatabase(database.url)
  scope = await Effect.runPromise(Scope.make())
  await Effect.runPromise(migrate(Redacted.make(database.url)))
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query("INSERT INTO users (id, email, name, role) VALUES ($1, 'a@example.com', 'A', 'customer')", [user])
  for (const n of [1, 2, 3]) {
    await client.query(
      "INSERT INTO auth_sessions (id, user_id, kind, expires_at) VALUES ($1, $2, 'provisioned', now() + interval '1 hour')",
      [session(n), user]
    )
  }
})

afterEach(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await client.end()
  await proxy.stop()
  await database.drop()
})

const start = () =>
  Effect.runPromise(
    Scope.provide(
      Effect.map(
        Layer.build(Revocations.layer.pipe(Layer.provide(Layer.succeed(DatabaseUrl, Redacted.make(proxy.url))))),
        (context) => Effect.runSync(Effect.provideContext(Revocations, context))
      ),
      scope
    )
  )

const revoke = (n: number) =>
  client.query("UPDATE auth_sessions SET revoked_at = now(), revoked_reason = 'revoked' WHERE id = $1", [session(n)])

it("knows from the start what was revoked before it started", async () => {
  await revoke(1)
  const revocations = await start()
  expect(revocations.isRevoked({ userId: user, sessionId: session(1) })).toBe(true)
  expect(revocations.isRevoked({ userId: user, sessionId: session(2) })).toBe(false)
})

it("tells subscribers of a revoked session and of a disabled user within a second", async () => {
  const revocations = await start()
  const heard: Array<Revocation> = []
  revocations.subscribe((revocation) => heard.push(revocation))
  await revoke(1)
  await until(
    "the notice of the session",
    () => heard.length,
    (count) => count === 1,
    1_000
  )
  await client.query("UPDATE users SET status = 'disabled' WHERE id = $1", [user])
  await until(
    "the notice of the user",
    () => heard.length,
    (count) => count === 2,
    1_000
  )
  expect(heard).toEqual([
    { kind: "session", id: session(1) },
    { kind: "user", id: user }
  ])
  expect(revocations.isRevoked({ userId: user, sessionId: session(3) })).toBe(true)
})

it("lets an enabled user in again, yet not their revoked sessions", async () => {
  const revocations = await start()
  await revoke(1)
  await client.query("UPDATE users SET status = 'disabled' WHERE id = $1", [user])
  await until(
    "the user is refused",
    () => revocations.isRevoked({ userId: user, sessionId: session(2) }),
    (is) => is
  )
  await client.query("UPDATE users SET status = 'active' WHERE id = $1", [user])
  await until(
    "the user is let in",
    () => revocations.isRevoked({ userId: user, sessionId: session(2) }),
    (is) => !is
  )
  expect(revocations.isRevoked({ userId: user, sessionId: session(1) })).toBe(true)
})

it("a revocation that is rolled back never happened", async () => {
  const revocations = await start()
  const heard: Array<Revocation> = []
  revocations.subscribe((revocation) => heard.push(revocation))
  await client.query("BEGIN")
  await revoke(1)
  await client.query("ROLLBACK")
  await revoke(2)
  await until(
    "the second notice",
    () => heard.length,
    (count) => count > 0
  )
  expect(heard).toEqual([{ kind: "session", id: session(2) }])
})

it("keeps what it knows while PostgreSQL is away, and catches up with what it missed", async () => {
  const revocations = await start()
  const heard: Array<Revocation> = []
  revocations.subscribe((revocation) => heard.push(revocation))
  await revoke(1)
  await until(
    "the first notice",
    () => heard.length,
    (count) => count === 1
  )
  proxy.cut()
  await until(
    "the loss is noticed",
    () => revocations.isListening(),
    (is) => !is
  )
  await revoke(2)
  expect(revocations.isRevoked({ userId: user, sessionId: session(1) })).toBe(true)
  expect(revocations.isRevoked({ userId: user, sessionId: session(2) })).toBe(false)
  proxy.restore()
  await until(
    "the missed revocation is heard",
    () => revocations.isRevoked({ userId: user, sessionId: session(2) }),
    (is) => is
  )
  expect(heard).toEqual([
    { kind: "session", id: session(1) },
    { kind: "session", id: session(2) }
  ])
})

it("tells the other subscribers when one of them throws, and nobody who has left", async () => {
  const revocations = await start()
  const heard: Array<string> = []
  revocations.subscribe(() => {
    throw new Error("a subscriber's defect")
  })
  const leave = revocations.subscribe(() => heard.push("left"))
  revocations.subscribe(() => heard.push("stayed"))
  leave()
  await revoke(1)
  await until(
    "the notice",
    () => heard.length,
    (count) => count > 0
  )
  expect(heard).toEqual(["stayed"])
})
