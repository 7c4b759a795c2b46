import { randomUUID } from "node:crypto"
import { Effect, Layer, Redacted } from "effect"
import pg from "pg"
import { AccessTokens } from "../../src/identity/AccessTokens.ts"
import { Secret } from "../../src/identity/Secret.ts"
import { pgSettings } from "../../src/persistence/Database.ts"
import { newIds } from "../../src/persistence/NewId.ts"
import { GateFailed } from "../BenchDatabase.ts"
import type { BenchStage } from "../BenchStage.ts"
import type { Buyer } from "./OrderOperations.ts"

const tokenTtlS = 86_400
const stock = 1_000_000_000

const issue = (userId: string, customerId: string) =>
  Effect.flatMap(AccessTokens, (tokens) =>
    tokens.issue({ userId, sessionId: randomUUID(), roles: ["customer"], customerId }, tokenTtlS)
  )

/** Customers with tokens, a catalogue, and what the orders of a run leave behind. */
export class OrderCast {
  readonly buyers: ReadonlyArray<Buyer>
  readonly productIds: ReadonlyArray<string>
  private readonly owner: pg.Client

  private constructor(owner: pg.Client, buyers: ReadonlyArray<Buyer>, productIds: ReadonlyArray<string>) {
    this.owner = owner
    this.buyers = buyers
    this.productIds = productIds
  }

  static async make(stage: BenchStage, buyersCount: number, productsCount: number): Promise<OrderCast> {
    const url = Redacted.make(stage.plan.databaseUrl)
    const tokens = AccessTokens.layer.pipe(Layer.provide(Secret.layer(Redacted.make(stage.plan.secret))))
    const people = Effect.gen(function* () {
      const [users, customers] = yield* Effect.all([newIds(buyersCount), newIds(buyersCount)])
      return yield* Effect.forEach(users, (userId, i) => {
        const customerId = customers[i] ?? ""
        return Effect.map(issue(userId, customerId), ({ token }): Buyer => ({ userId, customerId, token }))
      })
    })
    const [buyers, productIds] = await Promise.all([
      Effect.runPromise(Effect.provide(people, tokens)),
      Effect.runPromise(newIds(productsCount))
    ])
    const owner = new pg.Client(pgSettings(url, "dropmate-bench"))
    await owner.connect()
    const userIds = buyers.map(({ userId }) => userId)
    await owner.query(
      "INSERT INTO users (id, email, name, role) SELECT id, id || '@bench.invalid', 'Ada', 'customer' FROM unnest($1::uuid[]) AS t(id)",
      [userIds]
    )
    await owner.query(
      "INSERT INTO customers (id, user_id, name) SELECT id, user_id, 'Ada' FROM unnest($1::uuid[], $2::uuid[]) AS t(id, user_id)",
      [buyers.map(({ customerId }) => customerId), userIds]
    )
    await owner.query(
      "INSERT INTO products (id, name, price, currency, stock) SELECT id, 'Box', 12.50, 'EUR', $2 FROM unnest($1::uuid[]) AS t(id)",
      [productIds, stock]
    )
    await owner.query("ANALYZE")
    return new OrderCast(owner, buyers, productIds)
  }

  /** Empties what orders fill; a checkpoint keeps the last run's writes out of the next. */
  async reset(): Promise<void> {
    await this.owner.query("TRUNCATE orders, delivery_addresses, outbox, idempotency_keys, api_audit_logs CASCADE")
    await this.owner.query("VACUUM ANALYZE products")
    await this.owner.query("CHECKPOINT")
  }

  /** The gate: every order that was placed left the same rows, whoever placed it, and nothing else left any. */
  async gate(contestant: string, placed: number): Promise<void> {
    const { rows } = await this.owner.query<Record<string, string>>(
      `SELECT (SELECT count(*) FROM orders WHERE status = 'submitted') AS orders,
              (SELECT count(*) / 2.0 FROM order_items) AS items,
              (SELECT count(*) FROM delivery_addresses) AS addresses,
              (SELECT count(*) / 2.0 FROM shipment_events) AS events,
              (SELECT count(*) / 2.0 FROM outbox) AS outbox,
              (SELECT count(*) FROM api_audit_logs) AS audited,
              (SELECT count(*) FROM idempotency_keys) AS keys`
    )
    const counts = Object.fromEntries(Object.entries(rows[0] ?? {}).map(([name, count]) => [name, Number(count)]))
    if (Object.values(counts).some((count) => count !== placed)) throw new GateFailed(contestant, { ...counts, placed })
  }

  close(): Promise<void> {
    return this.owner.end()
  }
}
