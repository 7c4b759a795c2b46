import { createHash, randomUUID } from "node:crypto"
import { Effect, Redacted } from "effect"
import pg from "pg"
import { defaultLimits } from "../../src/config/Limits.ts"
import { pgSettings } from "../../src/persistence/Database.ts"
import { newIds } from "../../src/persistence/NewId.ts"
import { answer } from "../process/Answering.ts"
import { orderStatements } from "./BareOrder.ts"
import { orderedBy, orderedItems, placeOf } from "./OrderedThings.ts"
import type { OrderOperations, OrderPlan } from "./OrderOperations.ts"
import { placeOrders } from "./OrderPace.ts"

let plan: OrderPlan | undefined
let pool: pg.Pool | undefined

const place = async (n: number): Promise<string | undefined> => {
  if (plan === undefined || pool === undefined) return "not opened"
  const buyer = orderedBy(n, plan.buyers)
  const [orderId = "", addressId = "", keyId = "", ...eventIds] = Effect.runSync(newIds(5))
  const statements = orderStatements({
    buyer,
    items: orderedItems(n, plan.productIds),
    place: placeOf(n),
    orderId,
    addressId,
    keyId,
    eventIds,
    key: randomUUID(),
    requestId: randomUUID(),
    fingerprint: createHash("sha256").update(String(n)).digest()
  })
  const client = await pool.connect()
  try {
    for (const statement of statements) await client.query(statement)
    return undefined
  } catch (error) {
    await client.query("ROLLBACK")
    return error instanceof Error ? error.message : String(error)
  } finally {
    client.release()
  }
}

answer({
  open: async (opened) => {
    plan = opened
    pool = new pg.Pool({
      ...pgSettings(Redacted.make(opened.databaseUrl), "bench-bare", "dropmate_app"),
      max: defaultLimits.appConnectionsMax
    })
  },
  run: (span) => placeOrders(place, plan?.atOnce ?? 1, span),
  close: async () => {
    await pool?.end()
  }
} satisfies OrderOperations)
