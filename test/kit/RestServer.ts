import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { ConfigProvider, Context, Effect, Exit, Layer, Logger, Redacted, Scope } from "effect"
import type { SqlClient } from "effect/sql"
import { OrderActors, orderActors } from "../../src/actors/orders/OrderActors.ts"
import type { Orders } from "../../src/actors/orders/Orders.ts"
import type { Payments } from "../../src/actors/payments/Payments.ts"
import type { Shipments } from "../../src/actors/shipments/Shipments.ts"
import { Env, envConfig } from "../../src/config/Env.ts"
import { FaultPoint, type FaultPointName } from "../../src/config/FaultPoint.ts"
import { defaultLimits, Limits } from "../../src/config/Limits.ts"
import { makeRequestHandler } from "../../src/http/HttpApp.ts"
import { databaseCheck, Readiness, revocationsCheck } from "../../src/http/ops/Readiness.ts"
import { ScopeOfPrincipal } from "../../src/http/PrincipalScope.ts"
import { ShipmentAnswersLive } from "../../src/http/shipments/ShipmentAnswersLive.ts"
import { AccessTokens } from "../../src/identity/AccessTokens.ts"
import { Passwords } from "../../src/identity/Passwords.ts"
import type { Principal } from "../../src/identity/Principal.ts"
import { Revocations } from "../../src/identity/Revocations.ts"
import { Secret } from "../../src/identity/Secret.ts"
import { AppDatabase, DatabaseUrl } from "../../src/persistence/Database.ts"
import { diskFileStorage } from "../../src/persistence/files/DiskFileStorage.ts"
import type { FileStorage } from "../../src/persistence/files/FileStorage.ts"
import { migrate } from "../../src/persistence/Migrations.ts"
import type { RowScope } from "../../src/persistence/RowScope.ts"
import { seed } from "../../src/persistence/Seed.ts"
import type { configuredProcessors } from "../../src/processors/ConfiguredProcessors.ts"
import { type PaymentProcessor, PaymentProcessors, type ProcessorName } from "../../src/processors/PaymentProcessor.ts"
import { StripeEvents } from "../../src/processors/StripeProcessor.ts"
import { EventBell } from "../../src/realtime/EventBell.ts"
import { expectKnownEvents } from "./KnownEvents.ts"
import { testFilesFolder } from "./TestFiles.ts"
import { freshDatabase } from "./TestServices.ts"

/** The secret that every test server signs with. */
export const testSecret = Redacted.make("a secret of the tests, thirty-two bytes or more")

/** The administrator that `startRest` seeds. */
export const testAdmin = { email: "admin@test.example", password: "correct horse battery staple" }

/** What a test may choose. */
export interface RestOptions {
  readonly limits?: Partial<Limits>
  readonly env?: Partial<Env>
  /** Another server's database, to try several nodes; its owner drops it. */
  readonly databaseUrl?: string
  /** What goes wrong between two steps; nothing without it. */
  readonly faultAt?: (name: FaultPointName) => Effect.Effect<void>
  /** Where its files are; without it a folder of its own. */
  readonly files?: Layer.Layer<FileStorage>
  /** Whose rows a principal reaches; without it their own. */
  readonly scopeOf?: (principal: Principal) => RowScope
  /** What stands in for the processors of payments; without it those of the environment. */
  readonly processors?: ReadonlyMap<ProcessorName, PaymentProcessor>
}

/** The services that live behind the server. */
export type RestServices =
  | SqlClient.SqlClient
  | AccessTokens
  | Revocations
  | Passwords
  | Orders
  | Payments
  | StripeEvents
  | Shipments

/** A REST server on a port of its own over a database of its own. */
export interface RestServer {
  readonly url: string
  readonly databaseUrl: string
  readonly server: Server
  readonly run: <A, E>(effect: Effect.Effect<A, E, RestServices>) => Promise<A>
  readonly stop: () => Promise<void>
}

// Every variable unset, so that a new one needs no change here.
const testEnv: Env = {
  ...Effect.runSync(envConfig.parse(ConfigProvider.fromEnv({ env: {} }))),
  logLevel: "Error",
  allowedOrigins: ["https://console.example"]
}

// argon2 at its weakest: the tests log in hundreds of times, and its strength is the library's to prove.
const testLimits: Limits = {
  ...defaultLimits,
  argon2MemoryKiB: 1_024,
  argon2Passes: 1,
  loginAttemptsPerAddressPerMinute: 100_000,
  loginAttemptsPerAccountPerMinute: 100_000,
  requestsPerPrincipalPerMinute: 100_000,
  requestsPerAddressPerMinute: 100_000,
  ordersPerCustomerPerMinute: 100_000
}

const services = (url: Redacted.Redacted, actors: typeof OrderActors) =>
  Layer.mergeAll(
    actors.pipe(Layer.provide(ShipmentAnswersLive)),
    AccessTokens.layer,
    Revocations.layer,
    Passwords.layer,
    EventBell.layer
  ).pipe(
    Layer.provideMerge(AppDatabase),
    Layer.provideMerge(Layer.succeed(DatabaseUrl, url)),
    Layer.provideMerge(Secret.layer(testSecret))
  )

const standIns = (processors: ReadonlyMap<ProcessorName, PaymentProcessor>): typeof configuredProcessors =>
  Layer.succeedContext(Context.make(PaymentProcessors, processors).pipe(Context.add(StripeEvents, { read: undefined })))

const readiness = Layer.unwrap(
  Effect.map(Effect.all([databaseCheck, revocationsCheck]), (checks) => Readiness.layer(checks))
)

const listen = (server: Server): Promise<number> =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)))

/** Starts a server over a fresh, migrated and seeded database. */
export const startRest = async (options: RestOptions = {}): Promise<RestServer> => {
  const database = options.databaseUrl === undefined ? await freshDatabase() : undefined
  const databaseUrl = options.databaseUrl ?? database?.url ?? ""
  const url = Redacted.make(databaseUrl)
  const scope = await Effect.runPromise(Scope.make())
  const base = Layer.mergeAll(
    Layer.succeed(Limits, { ...testLimits, ...options.limits }),
    Layer.succeed(Env, { ...testEnv, ...options.env }),
    options.faultAt === undefined ? Layer.empty : Layer.succeed(FaultPoint, options.faultAt),
    (options.files ?? diskFileStorage(testFilesFolder())).pipe(Layer.provide(Logger.layer([]))),
    options.scopeOf === undefined ? Layer.empty : Layer.succeed(ScopeOfPrincipal, options.scopeOf),
    Logger.layer([])
  )
  const { processors } = options
  const actors = processors === undefined ? OrderActors : orderActors(standIns(processors))
  const build = Effect.gen(function* () {
    yield* migrate(url)
    const context = yield* Layer.build(readiness.pipe(Layer.provideMerge(services(url, actors))))
    const { hash } = Context.get(context, Passwords)
    const admin = { adminEmail: testAdmin.email, adminPassword: Redacted.make(testAdmin.password), hashPassword: hash }
    yield* seed(url, admin)
    const handler = yield* makeRequestHandler().pipe(Effect.provideContext(context))
    return { context, handler }
  })
  const baseContext = await Effect.runPromise(Scope.provide(Layer.build(base), scope))
  const built = await Effect.runPromise(Scope.provide(Effect.provideContext(build, baseContext), scope))
  const server = createServer(built.handler)
  const port = await listen(server)
  const all = Context.merge(baseContext, built.context)
  const stop = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await Effect.runPromise(Scope.close(scope, Exit.void))
    await expectKnownEvents(databaseUrl)
    await database?.drop()
  }
  const run = <A, E>(effect: Effect.Effect<A, E, RestServices>): Promise<A> =>
    Effect.runPromise(Effect.provideContext(effect, all))
  return { url: `http://127.0.0.1:${port}`, databaseUrl, server, run, stop }
}
