import { randomUUID } from "node:crypto"
import { Context, Effect, Exit, Layer, Logger, Redacted, Scope } from "effect"
import type { SqlClient } from "effect/sql"
import pg from "pg"
import type { DriverRegistry } from "../../src/actors/drivers/DriverRegistry.ts"
import type { Offers } from "../../src/actors/offers/Offers.ts"
import type { Orders } from "../../src/actors/orders/Orders.ts"
import type { Runs } from "../../src/actors/runs/Runs.ts"
import type { Shipments } from "../../src/actors/shipments/Shipments.ts"
import { EngineLayer } from "../../src/cli/serve/EngineLayer.ts"
import { Env } from "../../src/config/Env.ts"
import { defaultLimits, Limits } from "../../src/config/Limits.ts"
import { RealtimeServer } from "../../src/gateway/RealtimeServer.ts"
import { AccessTokens } from "../../src/identity/AccessTokens.ts"
import type { Revocations } from "../../src/identity/Revocations.ts"
import { Secret } from "../../src/identity/Secret.ts"
import { type EventConsumer, EventConsumers } from "../../src/jobs/EventConsumer.ts"
import { DatabaseUrl } from "../../src/persistence/Database.ts"
import { diskFileStorage } from "../../src/persistence/files/DiskFileStorage.ts"
import type { TelemetryWriter } from "../../src/persistence/ingest/TelemetryWriter.ts"
import { migrate } from "../../src/persistence/Migrations.ts"
import type { ProductRepo } from "../../src/persistence/orders/ProductRepo.ts"
import { QueueRedisUrl } from "../../src/persistence/outbox/QueuePolicy.ts"
import { RedisUrl } from "../../src/persistence/Redis.ts"
import { type RowScope, ScopeOfDriver } from "../../src/persistence/RowScope.ts"
import type { TrackingRepo } from "../../src/persistence/tracking/TrackingRepo.ts"
import type { FleetHub } from "../../src/realtime/FleetHub.ts"
import type { OrderHub } from "../../src/realtime/OrderHub.ts"
import type { TrackGate } from "../../src/realtime/TrackGate.ts"
import { expectKnownEvents } from "./KnownEvents.ts"
import { testEnv } from "./TestEnv.ts"
import { testFilesFolder } from "./TestFiles.ts"
import { freshDatabase, freshRedis } from "./TestServices.ts"

/** What a test may choose. */
export interface EngineOptions {
  readonly limits?: Partial<Limits>
  readonly env?: Partial<Env>
  /** Another engine's database, or a proxy in front of it; whoever made it drops it. */
  readonly databaseUrl?: string
  readonly redisUrl?: string
  /** Whose rows a driver's phone reaches; without it the driver's. */
  readonly scopeOfDriver?: (driverId: string) => RowScope
  /** Consumers of events besides the product's own. */
  readonly consumers?: ReadonlyArray<EventConsumer>
}

/** A driver that exists in the database, with an auth session that can be revoked. Bare UUIDs. */
export interface TestDriver {
  readonly driverId: string
  readonly userId: string
  readonly authSessionId: string
}

/** The services of the engine that a test may call. */
export type EngineServices =
  | RealtimeServer
  | DriverRegistry
  | TelemetryWriter
  | AccessTokens
  | Revocations
  | FleetHub
  | OrderHub
  | TrackGate
  | Orders
  | Offers
  | Runs
  | Shipments
  | ProductRepo
  | TrackingRepo
  | SqlClient.SqlClient

/** The whole engine, from socket to PostgreSQL, in this process on a free port. */
export interface EngineUnderTest {
  readonly port: number
  /** `ws://127.0.0.1:port` */
  readonly url: string
  readonly databaseUrl: string
  readonly redisUrl: string
  readonly limits: Limits
  readonly driver: () => Promise<TestDriver>
  /** An access token of the driver; negative lives have ended already. */
  readonly token: (driver: TestDriver, ttlS?: number) => Promise<string>
  /** One statement as the schema's owner. */
  readonly rows: <Row extends pg.QueryResultRow>(sql: string, values?: ReadonlyArray<unknown>) => Promise<Array<Row>>
  readonly run: <A, E>(effect: Effect.Effect<A, E, EngineServices>) => Promise<A>
  /** Drains and ends; the database stays until `drop`. */
  readonly stop: () => Promise<void>
  /** `stop`, then drops the database, if it is the engine's own. */
  readonly drop: () => Promise<void>
}

const signingSecret = Redacted.make("a secret of the tests, thirty-two bytes or more")

/** Inserts a driver with its user and an auth session. */
export const insertDriver = async (client: pg.Client): Promise<TestDriver> => {
  const [driverId, userId, authSessionId] = [randomUUID(), randomUUID(), randomUUID()]
  await client.query(
    `WITH u AS (INSERT INTO users (id, email, name, role) VALUES ($2, $4, 'Dana Driver', 'driver')),
       s AS (INSERT INTO auth_sessions (id, user_id, kind, expires_at) VALUES ($3, $2, 'provisioned', now() + interval '1 day'))
     INSERT INTO drivers (id, user_id) VALUES ($1, $2)`,
    [driverId, userId, authSessionId, `${userId}@test.example`]
  )
  return { driverId, userId, authSessionId }
}

const emptyDatabase = async (): Promise<{ readonly url: string; readonly drop: () => Promise<void> }> => {
  const database = await freshDatabase()
  await Effect.runPromise(migrate(Redacted.make(database.url)))
  return database
}

/** Starts an engine over a fresh, migrated database, or over the one it is given. */
export const startEngine = async (options: EngineOptions = {}): Promise<EngineUnderTest> => {
  const database = options.databaseUrl === undefined ? await emptyDatabase() : undefined
  const redis = options.redisUrl === undefined ? await freshRedis() : undefined
  const databaseUrl = options.databaseUrl ?? database?.url ?? ""
  const redisUrl = options.redisUrl ?? redis?.url ?? ""
  const limits: Limits = { ...defaultLimits, ...options.limits }
  const base = Layer.mergeAll(
    Layer.succeed(Limits, limits),
    Layer.succeed(Env, { ...testEnv, ...options.env }),
    Layer.succeed(DatabaseUrl, Redacted.make(databaseUrl)),
    Layer.succeed(RedisUrl, Redacted.make(redisUrl)),
    Layer.succeed(QueueRedisUrl, Redacted.make(redisUrl)),
    options.scopeOfDriver === undefined ? Layer.empty : Layer.succeed(ScopeOfDriver, options.scopeOfDriver),
    Secret.layer(signingSecret),
    Layer.effect(
      EventConsumers,
      Effect.map(EventConsumers, (own) => [...own, ...(options.consumers ?? [])])
    ),
    diskFileStorage(testFilesFolder()),
    Logger.layer([])
  )
  const scope = await Effect.runPromise(Scope.make())
  // The base is provided from outside the build: `Limits` is a reference with a default, which a merged layer alone would leave in force.
  const baseContext = await Effect.runPromise(Scope.provide(Layer.build(Layer.fresh(base)), scope))
  const built = await Effect.runPromise(
    Scope.provide(Effect.provideContext(Layer.build(Layer.fresh(EngineLayer)), baseContext), scope)
  )
  const client = new pg.Client({ connectionString: database?.url ?? databaseUrl })
  client.on("error", () => undefined)
  await client.connect()
  const { port } = Context.get(built, RealtimeServer)
  const tokens = Context.get(built, AccessTokens)
  let isStopped = false
  const stop = async (): Promise<void> => {
    if (isStopped) return
    isStopped = true
    await Effect.runPromise(Scope.close(scope, Exit.void))
    await client.end()
    // Somebody else's database is theirs to look at, and may be out of reach by now.
    if (database !== undefined) await expectKnownEvents(database.url)
  }
  return {
    port,
    url: `ws://127.0.0.1:${port}`,
    databaseUrl,
    redisUrl,
    limits,
    driver: () => insertDriver(client),
    token: async ({ userId, driverId, authSessionId }, ttlS = 900) => {
      const subject = { userId, sessionId: authSessionId, roles: ["driver" as const], driverId }
      return (await Effect.runPromise(tokens.issue(subject, ttlS))).token
    },
    rows: async <Row extends pg.QueryResultRow>(sql: string, values: ReadonlyArray<unknown> = []) =>
      (await client.query<Row>(sql, [...values])).rows,
    run: (effect) => Effect.runPromise(Effect.provideContext(effect, Context.merge(baseContext, built))),
    stop,
    drop: async () => {
      await stop()
      await database?.drop()
      await redis?.drop()
    }
  }
}
