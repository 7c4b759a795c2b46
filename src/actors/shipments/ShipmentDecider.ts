import { Effect } from "effect"
import { FaultPoint } from "../../config/FaultPoint.ts"
import { decideShipment, type ShipmentCommand } from "../../domain/ShipmentDecision.ts"
import type { ShipmentState } from "../../domain/ShipmentState.ts"
import type { EventOrigin } from "../../persistence/shipments/ShipmentEventRepo.ts"
import { ShipmentRepo } from "../../persistence/shipments/ShipmentRepo.ts"
import { DriverNotAssignable, refusal } from "../CommandRefused.ts"
import { makeDeliveryProofs } from "../files/DeliveryProofs.ts"
import { makeOfferCandidates } from "../offers/OfferCandidates.ts"
import { makeShipmentKeeping } from "./ShipmentKeeping.ts"

/** What an actor remembers of its shipment: a state as it was read or committed, never what a transaction under way has written. */
export interface ShipmentMemory {
  known: ShipmentState | undefined
}

/** What a decision led to, and whose it is. */
export interface Decided {
  readonly orderId: string
  readonly after: ShipmentState
}

/**
 * Decides a command in the caller's transaction: lock order and shipment, compare the version with the memory, decide by the pure
 * machine, keep rows and events. The memory is used only when the database still has its version.
 */
export const makeShipmentDecider = Effect.gen(function* () {
  const shipments = yield* ShipmentRepo
  const faultAt = yield* FaultPoint
  const keeping = yield* makeShipmentKeeping
  const { offerable } = yield* makeOfferCandidates
  const proofs = yield* makeDeliveryProofs

  const assignable = Effect.fnUntraced(function* (shipmentId: string, command: ShipmentCommand) {
    if (command._tag === "Offer") return yield* offerable(shipmentId, command.offers)
    if (command._tag !== "Assign" && command._tag !== "Reassign") return
    const { driverId } = command
    const standing = yield* shipments.driverStanding(driverId)
    if (standing === undefined) return yield* new DriverNotAssignable({ driverId, reason: "unknown" })
    if (standing !== "active" && standing !== "invited")
      return yield* new DriverNotAssignable({ driverId, reason: "suspended" })
  })

  const current = Effect.fnUntraced(function* (shipmentId: string, memory: ShipmentMemory, version: number) {
    if (memory.known?.version === version) return memory.known
    yield* faultAt("shipment.load")
    const read = yield* shipments.load(shipmentId)
    memory.known = read
    return read
  })

  return Effect.fnUntraced(function* (
    shipmentId: string,
    memory: ShipmentMemory,
    command: ShipmentCommand,
    origin: EventOrigin
  ) {
    const { order_id: orderId, order_status: orderStatus, version } = yield* shipments.lock(shipmentId)
    const before = yield* current(shipmentId, memory, version)
    yield* assignable(shipmentId, command)
    const decision = decideShipment(before, command, origin.actor.kind)
    if (decision._tag === "Refused") return yield* refusal(decision)
    yield* faultAt("shipment.decided")
    if (decision.events.length === 0) return { orderId, after: before } satisfies Decided
    const judged = yield* proofs.judge(orderId, shipmentId, command)
    const after = yield* keeping.keep(orderId, orderStatus, shipmentId, before, decision.events, origin)
    yield* proofs.keep(orderId, shipmentId, command, judged, origin)
    yield* faultAt("shipment.kept")
    return { orderId, after } satisfies Decided
  })
})
