import { Clock, Effect } from "effect"
import { Offers } from "../../src/actors/offers/Offers.ts"
import { Orders } from "../../src/actors/orders/Orders.ts"
import { Shipments } from "../../src/actors/shipments/Shipments.ts"
import { systemActor } from "../../src/domain/Actor.ts"
import type { ShipmentCommand } from "../../src/domain/ShipmentDecision.ts"
import { newId } from "../../src/persistence/NewId.ts"
import { ProductRepo } from "../../src/persistence/orders/ProductRepo.ts"
import { inRowScope, systemScope } from "../../src/persistence/RowScope.ts"
import type { EngineUnderTest } from "./EngineUnderTest.ts"
import { testAddress } from "./PlacedOrder.ts"

const origin = Effect.map(Clock.currentTimeMillis, (nowMs) => ({
  actor: systemActor,
  cause: "test",
  occurredAt: new Date(nowMs)
}))

/** A guest's order, confirmed; bare UUIDs. */
export const confirmedOrder = (
  engine: EngineUnderTest
): Promise<{ readonly orderId: string; readonly shipmentId: string }> =>
  engine.run(
    // As the server's own doing: the dispatcher who would have asked is not there.
    inRowScope(
      systemScope,
      Effect.gen(function* () {
        const products = yield* ProductRepo
        const orders = yield* Orders
        const shipments = yield* Shipments
        const productId = yield* newId
        yield* products.insert({
          id: productId,
          name: "Box",
          description: null,
          price: { amount: 100, currency: "EUR" },
          stock: 10
        })
        const placedBy = yield* Effect.promise(async () => (await engine.driver()).userId)
        const orderId = yield* orders.place(
          {
            customerId: undefined,
            placedBy,
            channel: "web",
            externalId: undefined,
            items: [{ productId, quantity: 1 }],
            address: { ...testAddress, label: null, line2: null, region: null, postal_code: null, instructions: null },
            contact: { name: "Gina Guest" },
            pickup: { line1: "Depot", lat: 48.2, lng: 16.36 },
            window: undefined,
            notes: undefined,
            isSubmitted: true
          },
          yield* origin
        )
        return { orderId, shipmentId: yield* shipments.confirm(orderId, yield* origin) }
      })
    )
  )

/** Gives a shipment to a driver; answers the assignment's id, bare. */
export const assignTo = (
  engine: EngineUnderTest,
  shipmentId: string,
  driverId: string,
  how: "assign" | "reassign" = "assign"
): Promise<string> =>
  engine.run(
    Effect.gen(function* () {
      const shipments = yield* Shipments
      // As the server's own doing: the dispatcher who would have asked is not there.
      const { assignmentId } = yield* shipments[how](shipmentId, driverId, {
        origin: yield* origin,
        scope: systemScope
      })
      return assignmentId ?? ""
    })
  )

const ours = Effect.map(origin, (from) => ({ origin: from, scope: systemScope }))

/** Offers a shipment, by name or to the nearest; answers the ids of its open offers, bare. */
export const offerTo = async (
  engine: EngineUnderTest,
  shipmentId: string,
  driverIds?: ReadonlyArray<string>,
  ttlS?: number
): Promise<ReadonlyArray<string>> => {
  await engine.run(
    Effect.gen(function* () {
      const offers = yield* Offers
      yield* offers.offer(shipmentId, { driverIds, ttlS }, yield* ours)
    })
  )
  const open = await engine.rows<{ id: string }>(
    "SELECT id FROM driver_assignments WHERE shipment_id = $1 AND status = 'pending' ORDER BY fencing_token",
    [shipmentId]
  )
  return open.map(({ id }) => id)
}

/** Any command of the server's own that names no driver. */
export const commandOf = (engine: EngineUnderTest, shipmentId: string, asked: ShipmentCommand) =>
  engine.run(
    Effect.gen(function* () {
      const shipments = yield* Shipments
      return yield* shipments.command(shipmentId, asked, yield* ours)
    })
  )
