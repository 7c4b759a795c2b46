import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { Limits } from "../config/Limits.ts"
import type { Refused } from "../domain/Refused.ts"
import { decideShipment, type ShipmentCommand } from "../domain/ShipmentDecision.ts"
import { carryingAssignment } from "../domain/ShipmentState.ts"
import { newId } from "../persistence/NewId.ts"
import { OrderRepo } from "../persistence/OrderRepo.ts"
import type { EventOrigin } from "../persistence/ShipmentEventRepo.ts"
import { ShipmentRepo } from "../persistence/ShipmentRepo.ts"
import { CommandRefused, DriverNotAssignable } from "./CommandRefused.ts"
import { makeShipmentKeeping } from "./ShipmentKeeping.ts"

/** A machine's refusal as the failure of an effect. */
export const refusal = ({ code, detail, allowed }: Refused) => new CommandRefused({ code, detail, allowed })

/** Takes commands on shipments: lock the order, read, decide, keep; again when somebody was faster after all. */
export const makeShipmentCommands = Effect.gen(function* () {
  const limits = yield* Limits
  const sql = yield* SqlClient.SqlClient
  const orders = yield* OrderRepo
  const shipments = yield* ShipmentRepo
  const keeping = yield* makeShipmentKeeping

  const decideOnce = Effect.fnUntraced(function* (shipmentId: string, command: ShipmentCommand, origin: EventOrigin) {
    const orderId = yield* shipments.orderIdOf(shipmentId)
    const { status: orderStatus } = yield* orders.lock(orderId)
    const before = yield* shipments.load(shipmentId)
    const decision = decideShipment(before, command, origin.actor.kind)
    if (decision._tag === "Refused") return yield* refusal(decision)
    if (decision.events.length === 0) return before
    return yield* keeping.keep(orderId, orderStatus, shipmentId, before, decision.events, origin)
  })

  const command = (shipmentId: string, asked: ShipmentCommand, origin: EventOrigin) =>
    sql.withTransaction(decideOnce(shipmentId, asked, origin)).pipe(
      Effect.retry({
        times: limits.shipmentDecisionsMax - 1,
        while: (error) => error._tag === "ShipmentMoved"
      })
    )

  const giveTo = Effect.fnUntraced(function* (
    how: "Assign" | "Reassign",
    shipmentId: string,
    driverId: string,
    origin: EventOrigin
  ) {
    const standing = yield* shipments.driverStanding(driverId)
    if (standing === undefined) return yield* new DriverNotAssignable({ driverId, reason: "unknown" })
    if (standing !== "active" && standing !== "invited")
      return yield* new DriverNotAssignable({ driverId, reason: "suspended" })
    const assignmentId = yield* newId
    const after = yield* command(shipmentId, { _tag: how, assignmentId, driverId }, origin)
    return carryingAssignment(after)?.assignmentId ?? assignmentId
  })

  return { command, giveTo }
})
