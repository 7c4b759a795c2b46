import { randomUUID } from "node:crypto"
import { type Context, Data, Deferred, Duration, Effect, Exit, Layer, Logger, Redacted, Scope } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import pg from "pg"
import { afterAll, beforeAll, expect, it } from "vitest"
import { defaultLimits, Limits } from "../../src/config/Limits.ts"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { AppDatabase, DatabaseUrl } from "../../src/persistence/Database.ts"
import { migrate } from "../../src/persistence/Migrations.ts"
import { inRowScope, type RowScope, systemScope } from "../../src/persistence/RowScope.ts"
import { promiseSeed, promiseSize, reportPromise } from "../kit/PromiseSize.ts"
import { type FreshDatabase, freshDatabase } from "../kit/TestServices.ts"

const customersCount = 50
const addressesEach = 3
const connections = 5
const requestsCount = promiseSize({ ci: 2_000, nightly: 10_000 })
/** Far more than connections, so that every connection changes hands all the time. */
const atOnce = 64
/** About as long as the five statements of an interrupted request take when all connections are busy. */
const workMs = 25

interface Customer {
  readonly userId: string
  readonly customerId: string
}

/** What a request saw that is not its customer's, in words. */
class ForeignSeen extends Data.TaggedError("ForeignSeen")<{ readonly what: string }> {}
/** The request fails because the test says so. */
class Planned extends Data.TaggedError("Planned") {}

let database: FreshDatabase
let owner: pg.Client
let customers: ReadonlyArray<Customer>
let scope: Scope.Closeable
let context: Context.Context<SqlClient.SqlClient>

const run = <A, E>(effect: Effect.Effect<A, E, SqlClient.SqlClient>): Promise<A> =>
  Effect.runPromise(Effect.provideContext(effect, context))

const insertCustomer = async ({ userId, customerId }: Customer): Promise<void> => {
  await owner.query("INSERT INTO users (id, email, name, role) VALUES ($1, $2, 'C', 'customer')", [
    userId,
    `${userId}@test.example`
  ])
  await owner.query("INSERT INTO customers (id, user_id, name) VALUES ($1, $2, $3)", [customerId, userId, customerId])
  await owner.query(
    `INSERT INTO delivery_addresses (id, customer_id, label, line1, city, country, lat, lng)
     SELECT gen_random_uuid(), $1::uuid, $2, 'Street 1', 'Wien', 'AT', 48, 16 FROM generate_series(1, $3::integer)`,
    [customerId, customerId, addressesEach]
  )
}

beforeAll(async () => {
  database = await freshDatabase()
  await Effect.runPromise(migrate(Redacted.make(database.url)))
  owner = new pg.Client({ connectionString: database.url })
  await owner.connect()
  customers = Array.from({ length: customersCount }, () => ({ userId: randomUUID(), customerId: randomUUID() }))
  for (const customer of customers) await insertCustomer(customer)
  await owner.query("SELECT ensure_telemetry_day((now() AT TIME ZONE 'UTC')::date)")
  const base = Layer.mergeAll(
    Layer.succeed(Limits, { ...defaultLimits, appConnectionsMax: connections }),
    Layer.succeed(DatabaseUrl, Redacted.make(database.url)),
    Logger.layer([])
  )
  scope = await Effect.runPromise(Scope.make())
  const baseContext = await Effect.runPromise(Scope.provide(Layer.build(base), scope))
  const built = Effect.provideContext(Layer.build(Layer.fresh(AppDatabase)), baseContext)
  context = await Effect.runPromise(Scope.provide(built, scope))
})

afterAll(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await owner.end()
  await database.drop()
})

const scopeOf = ({ userId, customerId }: Customer): RowScope => ({ userId, customerId, roles: ["customer"] })

/** All addresses that are seen without asking for anybody's: exactly the customer's own. */
const readsOwn = Effect.fnUntraced(function* ({ customerId }: Customer) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ customer_id: string }>`SELECT customer_id FROM delivery_addresses`
  const foreign = rows.filter((row) => row.customer_id !== customerId)
  if (foreign.length > 0) return yield* new ForeignSeen({ what: `${foreign.length} addresses of others` })
  if (rows.length !== addressesEach) return yield* new ForeignSeen({ what: `${rows.length} addresses of one's own` })
  const [said] = yield* sql<{ id: string }>`SELECT current_setting('app.customer_id', true) AS id`
  if (said?.id !== customerId) return yield* new ForeignSeen({ what: `the scope of ${said?.id}` })
})

/** Changes every address that the scope lets it change. */
const writesOwn = Effect.fnUntraced(function* ({ customerId }: Customer) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{
    customer_id: string
  }>`UPDATE delivery_addresses SET line2 = ${customerId} RETURNING customer_id`
  const foreign = rows.filter((row) => row.customer_id !== customerId)
  if (foreign.length > 0)
    return yield* new ForeignSeen({ what: `${foreign.length} addresses of others, and wrote them` })
})

const failsInPostgres = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`SELECT 1 / 0`
})

type Work = Effect.Effect<void, ForeignSeen | Planned | SqlError.SqlError, SqlClient.SqlClient>

/** Outside any transaction nobody is named, so nothing is seen. */
const withoutScope: Work = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql`SELECT id FROM delivery_addresses`
  if (rows.length > 0) return yield* new ForeignSeen({ what: `${rows.length} addresses without a scope` })
})

/** The server's own look, which sees all: what a connection must forget at once. */
const asSystem: Work = inRowScope(
  systemScope,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql`SELECT id FROM delivery_addresses`
    const all = customersCount * addressesEach
    if (rows.length !== all) return yield* new ForeignSeen({ what: `${rows.length} of ${all} as the system` })
  })
)

const kinds = ["read", "write", "refused", "rolled back", "savepoint", "interrupted", "no scope", "system"] as const
type Kind = (typeof kinds)[number]

/** How many requests were interrupted between the first statement of their work and the end of their COMMIT. */
let cutShort = 0

// From outside, so that it may hit any statement, COMMIT and ROLLBACK too; and after the work began, since most of a request's
// time is spent waiting for a connection.
const interrupted = (inScope: (work: Work) => Work, work: Work, moment: number): Work =>
  Effect.gen(function* () {
    const begun = yield* Deferred.make<void>()
    const whole = inScope(Effect.andThen(Deferred.succeed(begun, undefined), work))
    const cut = Effect.andThen(Deferred.await(begun), Effect.sleep(Duration.millis(moment * workMs)))
    const isCut = yield* Effect.raceFirst(Effect.as(whole, false), Effect.as(cut, true))
    if (isCut) cutShort++
  })

/** One request of a kind. `moment` of 0 to 1 says when it is interrupted. */
const workOf = (kind: Kind, customer: Customer, moment: number): Work => {
  const reads = readsOwn(customer)
  const [twice, writes] = [Effect.andThen(reads, reads), writesOwn(customer)]
  const inScope = <E>(work: Effect.Effect<void, E, SqlClient.SqlClient>) => inRowScope(scopeOf(customer), work)
  switch (kind) {
    case "read":
      return inScope(twice)
    case "write":
      return inScope(Effect.andThen(writes, reads))
    case "refused":
      return Effect.catchTag(inScope(Effect.andThen(reads, failsInPostgres)), "SqlError", () => Effect.void)
    case "rolled back":
      return Effect.catchTag(inScope(Effect.andThen(writes, Effect.fail(new Planned()))), "Planned", () => Effect.void)
    case "savepoint": {
      // A part that fails inside leaves the whole in its scope.
      const part = Effect.ignore(inScope(Effect.andThen(writes, failsInPostgres)))
      return inScope(Effect.andThen(part, reads))
    }
    case "interrupted":
      return interrupted(inScope, Effect.andThen(twice, Effect.andThen(writes, twice)), moment)
    case "no scope":
      return withoutScope
    case "system":
      return asSystem
  }
}

it(`P19: ${requestsCount} requests of ${customersCount} customers over ${connections} connections see their own rows alone`, {
  timeout: 300_000
}, async () => {
  const seed = promiseSeed()
  const random = new SeededRandom(seed)
  const counts: Record<string, number> = {}
  const requests = Array.from({ length: requestsCount }, (): Work => {
    const kind = kinds[random.below(kinds.length)] ?? "read"
    const customer = customers[random.below(customersCount)]
    if (customer === undefined) throw new Error("no customers")
    counts[kind] = (counts[kind] ?? 0) + 1
    return workOf(kind, customer, random.next())
  })
  const foreign: Array<string> = []
  const failed: Array<string> = []
  const judged = requests.map((work) =>
    Effect.matchCause(work, {
      onSuccess: () => undefined,
      onFailure: (cause) => {
        const [reason] = cause.reasons
        const seen = reason?._tag === "Fail" && reason.error._tag === "ForeignSeen" ? reason.error.what : undefined
        if (seen === undefined) failed.push(String(reason?._tag === "Fail" ? reason.error : reason))
        else foreign.push(seen)
      }
    })
  )
  await run(Effect.forEach(judged, (work) => work, { concurrency: atOnce, discard: true }))
  const { rows } = await owner.query("SELECT FROM delivery_addresses WHERE line2 <> customer_id::text")
  const used = await owner.query(
    "SELECT FROM pg_stat_activity WHERE application_name = 'dropmate-app' AND datname = current_database()"
  )
  reportPromise("P19", {
    seed,
    requests: requestsCount,
    atOnce,
    connections: used.rowCount,
    ...counts,
    cutShort,
    foreign: foreign.length
  })
  expect(foreign).toEqual([])
  expect(failed).toEqual([])
  expect(rows).toEqual([])
  expect(cutShort).toBeGreaterThan(0)
  expect(used.rowCount).toBeLessThanOrEqual(connections)
  for (const customer of customers) await run(inRowScope(scopeOf(customer), readsOwn(customer)))
})

it("P19: without a scope no table that row security guards shows a row", async () => {
  const { rows: guarded } = await owner.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relrowsecurity
       AND has_table_privilege('dropmate_app', oid, 'SELECT')`
  )
  expect(guarded.length).toBeGreaterThan(30)
  const seen = await run(
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const found: Array<string> = []
      for (const { name } of [...guarded, { name: "driver_points" }]) {
        if ((yield* sql`SELECT FROM ${sql(name)} LIMIT 1`).length > 0) found.push(name)
      }
      return found
    })
  )
  expect(seen).toEqual([])
})

it("P19: the application reads points through their view alone, and no partition directly", async () => {
  const { rows: partitions } = await owner.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relispartition AND relkind IN ('r', 'p')"
  )
  expect(partitions.length).toBeGreaterThan(0)
  const refused = await run(
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const codes: Array<string> = []
      for (const { name } of [{ name: "driver_location_events" }, ...partitions]) {
        for (const statement of [sql`SELECT FROM ${sql(name)}`, sql`DELETE FROM ${sql(name)}`]) {
          const tried = Effect.match(inRowScope({ roles: ["admin"] }, statement), {
            onSuccess: () => "let in",
            onFailure: ({ reason }) => reason._tag
          })
          codes.push(yield* tried)
        }
      }
      return new Set(codes)
    })
  )
  expect([...refused]).toEqual(["AuthorizationError"])
})
