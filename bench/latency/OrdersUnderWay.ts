import { createHash, randomBytes, randomUUID } from "node:crypto"
import { ConfigProvider, Effect, Layer, Logger, Redacted } from "effect"
import pg from "pg"
import { OrderActors } from "../../src/actors/orders/OrderActors.ts"
import { Orders } from "../../src/actors/orders/Orders.ts"
import { Shipments } from "../../src/actors/shipments/Shipments.ts"
import { Env, envConfig } from "../../src/config/Env.ts"
import { ShipmentAnswersLive } from "../../src/http/shipments/ShipmentAnswersLive.ts"
import { Secret } from "../../src/identity/Secret.ts"
import { AppDatabase, DatabaseUrl, pgSettings } from "../../src/persistence/Database.ts"
import { inRowScope, systemScope } from "../../src/persistence/RowScope.ts"
import type { EventOrigin } from "../../src/persistence/shipments/ShipmentEventRepo.ts"
import type { BenchDriver } from "../BenchDatabase.ts"

/** An order that its driver is bringing, and tokens of links to it. */
export interface OrderUnderWay {
  readonly driver: BenchDriver
  readonly trackingTokens: ReadonlyArray<string>
}

/** Far from where the bench's phones are, degrees: nobody comes near. */
const destination = { lat: 52.54, lng: 13.405 }
const ordersAtOnce = 4

const origin = (): EventOrigin => ({
  actor: { kind: "system", id: undefined },
  cause: "bench",
  occurredAt: new Date()
})

const placed = (placedBy: string, productId: string) => ({
  customerId: undefined,
  placedBy,
  channel: "web" as const,
  externalId: undefined,
  items: [{ productId, quantity: 1 }],
  address: {
    label: null,
    line1: "Door 1",
    line2: null,
    city: "Berlin",
    region: null,
    postal_code: "10178",
    country: "DE",
    ...destination,
    instructions: null
  },
  contact: undefined,
  pickup: undefined,
  window: undefined,
  notes: undefined,
  isSubmitted: true
})

/** Places an order and takes it to the road by the actors that REST and phones use; answers the order's id. */
const bring = (driver: BenchDriver, placedBy: string, productId: string) =>
  Effect.gen(function* () {
    const orders = yield* Orders
    const shipments = yield* Shipments
    const ordered = Effect.gen(function* () {
      const orderId = yield* orders.place(placed(placedBy, productId), origin())
      return { orderId, shipmentId: yield* shipments.confirm(orderId, origin()) }
    })
    const { orderId, shipmentId } = yield* inRowScope(systemScope, ordered)
    const asker = { origin: origin(), scope: systemScope }
    const { assignmentId = "" } = yield* shipments.assign(shipmentId, driver.driverId, asker)
    for (const action of ["en_route_to_pickup", "at_pickup", "picked_up", "en_route"] as const) {
      const verdict = yield* shipments.task(driver.driverId, {
        commandId: randomUUID(),
        assignmentId,
        fencingToken: 1,
        action,
        occurredAtMs: Date.now(),
        payload: {}
      })
      if (!verdict.ok) return yield* Effect.die(new Error(`${action}: ${JSON.stringify(verdict.detail)}`))
    }
    return orderId
  })

const linkTo = async (client: pg.Client, orderId: string, placedBy: string, count: number) => {
  const tokens = Array.from({ length: count }, () => `dmt_${randomBytes(32).toString("base64url")}`)
  await client.query(
    `INSERT INTO tracking_sessions (id, order_id, session_token, created_by, expires_at)
     SELECT gen_random_uuid(), $1, hash, $2, now() + interval '1 day' FROM unnest($3::bytea[]) AS t(hash)`,
    [orderId, placedBy, tokens.map((token) => createHash("sha256").update(token).digest())]
  )
  return tokens
}

/** Nothing is set: the processors of payments are those of a fresh machine. */
const emptyEnv = Layer.effect(
  Env,
  Effect.gen(function* () {
    return yield* envConfig
  }).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: {} }))))
)

/** One order under way for each driver, with `linksEach` tracking links. */
export const ordersUnderWay = async (
  databaseUrl: string,
  drivers: ReadonlyArray<BenchDriver>,
  linksEach: number
): Promise<ReadonlyArray<OrderUnderWay>> => {
  const url = Redacted.make(databaseUrl)
  const client = new pg.Client(pgSettings(url, "dropmate-bench"))
  await client.connect()
  try {
    const [user] = (await client.query<{ id: string }>("SELECT id FROM users LIMIT 1")).rows
    const placedBy = user?.id ?? ""
    const productId = randomUUID()
    await client.query(
      "INSERT INTO products (id, name, price, currency, stock) VALUES ($1, 'Box', 1, 'EUR', 1000000)",
      [productId]
    )
    const layer = OrderActors.pipe(
      Layer.provide(ShipmentAnswersLive),
      Layer.provideMerge(AppDatabase),
      Layer.provideMerge(Layer.succeed(DatabaseUrl, url)),
      Layer.provideMerge(emptyEnv),
      // No order of the bench is delivered with a PIN: any secret does.
      Layer.provide(Secret.layer(Redacted.make(randomBytes(32).toString("hex")))),
      Layer.provideMerge(Logger.layer([]))
    )
    const orderIds = await Effect.runPromise(
      Effect.forEach(drivers, (driver) => bring(driver, placedBy, productId), {
        concurrency: ordersAtOnce
      }).pipe(Effect.provide(Layer.fresh(layer)))
    )
    const made: Array<OrderUnderWay> = []
    for (const [i, driver] of drivers.entries()) {
      made.push({ driver, trackingTokens: await linkTo(client, orderIds[i] as string, placedBy, linksEach) })
    }
    return made
  } finally {
    await client.end()
  }
}
