import { createHash, randomBytes, randomUUID } from "node:crypto"
import { Effect, Exit, Layer, Logger, Redacted, Scope } from "effect"
import type { SqlClient } from "effect/sql"
import pg from "pg"
import { OrderActors } from "../../src/actors/orders/OrderActors.ts"
import { Orders } from "../../src/actors/orders/Orders.ts"
import { Shipments } from "../../src/actors/shipments/Shipments.ts"
import { Env } from "../../src/config/Env.ts"
import type { TaskAction } from "../../src/domain/TaskAction.ts"
import { ShipmentAnswersLive } from "../../src/http/shipments/ShipmentAnswersLive.ts"
import { Secret } from "../../src/identity/Secret.ts"
import { AppDatabase, DatabaseUrl } from "../../src/persistence/Database.ts"
import { inRowScope, systemScope } from "../../src/persistence/RowScope.ts"
import type { EventOrigin } from "../../src/persistence/shipments/ShipmentEventRepo.ts"
import { insertDriver, type TestDriver } from "./EngineUnderTest.ts"
import { testEnv } from "./TestEnv.ts"

/** Where every order goes, degrees: two kilometres north of where `soundPoint` puts drivers. */
export const dropOff = { lat: 52.54, lng: 13.405 }

/** A confirmed order with its shipment. Bare UUIDs. */
export interface PlacedOrder {
  readonly orderId: string
  readonly shipmentId: string
}

/** A tracking link and the session behind it. */
export interface TrackingLink {
  readonly token: string
  readonly sessionId: string
}

/** One event of an order's log as the database has it. */
export interface LoggedRow {
  readonly offset: number
  readonly type: string
}

type OrderServices = Orders | Shipments | SqlClient.SqlClient

/** A driver's way from setting out to the pickup until the parcel is handed over. */
export const wholeWay = ["en_route_to_pickup", "at_pickup", "picked_up", "en_route", "arrived", "delivered"] as const

const asker = () => ({ origin: origin(), scope: systemScope })

const origin = (): EventOrigin => ({
  actor: { kind: "system", id: undefined },
  cause: "test",
  occurredAt: new Date()
})

/**
 * Orders that a test places, moves and shares, through the same actors as REST and phones, on connections of its own: to a server
 * whose customers watch them it is another node.
 */
export class TrackedOrders {
  readonly client: pg.Client
  /** In a transaction as the system. */
  private readonly run: <A, E>(effect: Effect.Effect<A, E, OrderServices>) => Promise<A>
  /** In no transaction: a shipment's actor has its own. */
  private readonly ask: <A, E>(effect: Effect.Effect<A, E, OrderServices>) => Promise<A>
  private readonly scope: Scope.Closeable
  private readonly productId = randomUUID()
  private readonly placedBy: TestDriver

  private constructor(
    client: pg.Client,
    run: <A, E>(effect: Effect.Effect<A, E, OrderServices>) => Promise<A>,
    ask: <A, E>(effect: Effect.Effect<A, E, OrderServices>) => Promise<A>,
    scope: Scope.Closeable,
    placedBy: TestDriver
  ) {
    this.client = client
    this.run = run
    this.ask = ask
    this.scope = scope
    this.placedBy = placedBy
  }

  /** Over a migrated database, as its owner. */
  static async open(databaseUrl: string): Promise<TrackedOrders> {
    const layer = OrderActors.pipe(
      Layer.provide(ShipmentAnswersLive),
      Layer.provideMerge(AppDatabase),
      Layer.provideMerge(Layer.succeed(DatabaseUrl, Redacted.make(databaseUrl))),
      Layer.provideMerge(Layer.succeed(Env, testEnv)),
      Layer.provide(Secret.layer(Redacted.make("a secret of the tests, thirty-two bytes or more"))),
      Layer.provideMerge(Logger.layer([]))
    )
    const scope = await Effect.runPromise(Scope.make())
    const context = await Effect.runPromise(Scope.provide(Layer.build(Layer.fresh(layer)), scope))
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    const run = <A, E>(effect: Effect.Effect<A, E, OrderServices>): Promise<A> =>
      Effect.runPromise(Effect.provideContext(inRowScope(systemScope, effect), context))
    const ask = <A, E>(effect: Effect.Effect<A, E, OrderServices>): Promise<A> =>
      Effect.runPromise(Effect.provideContext(effect, context))
    const orders = new TrackedOrders(client, run, ask, scope, await insertDriver(client))
    await client.query(
      "INSERT INTO products (id, name, price, currency, stock) VALUES ($1, 'Box', 1, 'EUR', 1000000)",
      [orders.productId]
    )
    return orders
  }

  /** Another driver, named Dana Driver, who can be given shipments. */
  driver(): Promise<TestDriver> {
    return insertDriver(this.client)
  }

  /** Places an order and confirms it, promised for a window if one is given. */
  place(window?: { readonly start: Date; readonly end: Date }): Promise<PlacedOrder> {
    const { productId, placedBy } = this
    return this.run(
      Effect.gen(function* () {
        const orders = yield* Orders
        const shipments = yield* Shipments
        const orderId = yield* orders.place(
          {
            customerId: undefined,
            placedBy: placedBy.userId,
            channel: "web",
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
              ...dropOff,
              instructions: null
            },
            contact: undefined,
            pickup: undefined,
            window,
            notes: undefined,
            isSubmitted: true
          },
          origin()
        )
        return { orderId, shipmentId: yield* shipments.confirm(orderId, origin()) }
      })
    )
  }

  assign({ shipmentId }: PlacedOrder, driver: TestDriver): Promise<string> {
    return this.ask(
      Effect.flatMap(Shipments, (shipments) =>
        Effect.map(shipments.assign(shipmentId, driver.driverId, asker()), ({ assignmentId }) => assignmentId ?? "")
      )
    )
  }

  unassign({ shipmentId }: PlacedOrder): Promise<void> {
    return this.ask(
      Effect.flatMap(Shipments, (shipments) => Effect.asVoid(shipments.unassign(shipmentId, "test", asker())))
    )
  }

  /** What the phone of the shipment's driver reports, in order. Fails when it is refused. */
  async report({ shipmentId }: PlacedOrder, ...actions: ReadonlyArray<TaskAction>): Promise<void> {
    const [carrier] = (
      await this.client.query<{ id: string; driver_id: string; fencing_token: string }>(
        "SELECT id, driver_id, fencing_token FROM driver_assignments WHERE shipment_id = $1 ORDER BY fencing_token DESC LIMIT 1",
        [shipmentId]
      )
    ).rows
    if (carrier === undefined) throw new Error(`nobody carries shipment ${shipmentId}`)
    for (const action of actions) {
      const task = {
        commandId: randomUUID(),
        assignmentId: carrier.id,
        fencingToken: Number(carrier.fencing_token),
        action,
        occurredAtMs: Date.now(),
        payload: {}
      }
      const verdict = await this.ask(Effect.flatMap(Shipments, (shipments) => shipments.task(carrier.driver_id, task)))
      if (!verdict.ok) throw new Error(`${action} was refused: ${JSON.stringify(verdict.detail)}`)
    }
  }

  /** An order under way to the customer. */
  async onTheWay(driver: TestDriver): Promise<PlacedOrder> {
    const order = await this.place()
    await this.assign(order, driver)
    await this.report(order, "en_route_to_pickup", "at_pickup", "picked_up", "en_route")
    return order
  }

  /** Makes tracking links; a negative life has ended already. */
  async links({ orderId }: PlacedOrder, count: number, ttlMs = 3_600_000): Promise<ReadonlyArray<TrackingLink>> {
    const links = Array.from({ length: count }, () => ({
      token: `dmt_${randomBytes(32).toString("base64url")}`,
      sessionId: randomUUID()
    }))
    const hashes = links.map(({ token }) => createHash("sha256").update(token).digest())
    await this.client.query(
      `INSERT INTO tracking_sessions (id, order_id, session_token, created_by, expires_at)
       SELECT s.id, $1, s.hash, $2, now() + make_interval(secs => $3) FROM unnest($4::uuid[], $5::bytea[]) AS s(id, hash)`,
      [orderId, this.placedBy.userId, ttlMs / 1_000, links.map(({ sessionId }) => sessionId), hashes]
    )
    return links
  }

  async link(order: PlacedOrder, ttlMs?: number): Promise<TrackingLink> {
    const [link] = await this.links(order, 1, ttlMs)
    if (link === undefined) throw new Error("no link was made")
    return link
  }

  /** Ends links, in one transaction. */
  async revoke(...links: ReadonlyArray<TrackingLink>): Promise<void> {
    await this.client.query("UPDATE tracking_sessions SET revoked_at = now() WHERE id = ANY($1::uuid[])", [
      links.map(({ sessionId }) => sessionId)
    ])
  }

  /** The order's whole log, hidden events too. */
  async log({ orderId }: PlacedOrder): Promise<ReadonlyArray<LoggedRow>> {
    const { rows } = await this.client.query<LoggedRow>(
      'SELECT event_no::integer AS "offset", type FROM shipment_events WHERE order_id = $1 ORDER BY event_no',
      [orderId]
    )
    return rows
  }

  async close(): Promise<void> {
    await this.client.end()
    await Effect.runPromise(Scope.close(this.scope, Exit.void))
  }
}
