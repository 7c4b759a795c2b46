import { Duration, Effect, Layer } from "effect"
import { Entity } from "effect/cluster"
import { Rpc } from "effect/rpc"
import { Limits } from "../../config/Limits.ts"
import { makeShipmentActors } from "./ShipmentActor.ts"
import {
  ShipmentAsk,
  ShipmentAskError,
  ShipmentReply,
  ShipmentReport,
  ShipmentReportError,
  ShipmentVerdict
} from "./ShipmentAsk.ts"

/**
 * A shipment as an entity of the cluster; its id is the shipment's, bare. Both messages are volatile: what must last is kept by the
 * actor itself, with the effect (ADR 0160).
 */
export const ShipmentEntity = Entity.make("Shipment", [
  Rpc.make("ask", { payload: ShipmentAsk, success: ShipmentReply, error: ShipmentAskError }),
  Rpc.make("report", { payload: ShipmentReport, success: ShipmentVerdict, error: ShipmentReportError })
])

/** Lets this node have shipments. */
export const ShipmentEntityLayer = Layer.unwrap(
  Effect.gen(function* () {
    const limits = yield* Limits
    const actorOf = yield* makeShipmentActors
    return ShipmentEntity.toLayer(
      Effect.gen(function* () {
        const { entityId } = yield* Entity.CurrentAddress
        const actor = actorOf(entityId)
        return ShipmentEntity.of({
          ask: ({ payload }) => actor.ask(payload),
          report: ({ payload }) => actor.report(payload)
        })
      }),
      {
        concurrency: 1,
        mailboxCapacity: limits.shipmentMailboxMax,
        maxIdleTime: Duration.millis(limits.shipmentIdleMs),
        disableFatalDefects: true
      }
    )
  })
)
