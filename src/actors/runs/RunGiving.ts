import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { ActorKind } from "../../domain/Actor.ts"
import { notGiven, type RunShipment } from "../../domain/Run.ts"
import { decideShipment } from "../../domain/ShipmentDecision.ts"
import { inRowScope, type RowScope } from "../../persistence/RowScope.ts"
import { RunRepo, runShipmentOf } from "../../persistence/runs/RunRepo.ts"
import { ShipmentRepo } from "../../persistence/shipments/ShipmentRepo.ts"
import type { DriverNotAssignable } from "../CommandRefused.ts"
import { type ShipmentAnswered, type ShipmentAsker, type ShipmentFailure, Shipments } from "../shipments/Shipments.ts"
import { makeRunTaking } from "./RunTaking.ts"

/** A shipment of a run that its driver does not have. `code` says what keeps them from it; undefined: nothing, ask again. */
export interface Missing {
  readonly shipmentId: string
  readonly holderId: string | undefined
  readonly code: string | undefined
  readonly detail: string | undefined
}

/**
 * Gives the shipments of a run to its driver: each is asked once, after the run's own transaction, since a shipment decides for itself.
 * One that refuses stays in the run, which says so until it is given or taken out (ADR 0181).
 */
export const makeRunGiving = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const repo = yield* RunRepo
  const rows = yield* ShipmentRepo
  const shipments = yield* Shipments
  const taking = yield* makeRunTaking
  const inScope = <A, E>(scope: RowScope, effect: Effect.Effect<A, E, SqlClient.SqlClient>) =>
    Effect.provideService(inRowScope(scope, effect), SqlClient.SqlClient, sql)

  const wanting = Effect.fnUntraced(function* (runId: string) {
    const giving = yield* repo.givingOf(runId)
    const { status, driver_id } = yield* repo.get(runId)
    const own = (yield* repo.shipments(runId)).map(runShipmentOf)
    const driverId = driver_id ?? undefined
    return { giving, driverId, wanted: notGiven({ status, driverId, sequence: [], shipments: own }) }
  })
  const stillWanting = Effect.fnUntraced(function* (runId: string) {
    const { wanted, ...rest } = yield* wanting(runId)
    const later = yield* repo.givenSince(runId)
    return { ...rest, wanted: wanted.filter(({ shipmentId }) => !later.has(shipmentId)) }
  })

  /** Asks one shipment; answers whether it decided, whatever it said: who has it then is what counts. */
  const ask = (shipment: RunShipment, driverId: string, by: ShipmentAsker, reason: string | undefined) => {
    const asked: Effect.Effect<ShipmentAnswered, ShipmentFailure | DriverNotAssignable> =
      shipment.holderId === undefined
        ? shipments.assign(shipment.shipmentId, driverId, by)
        : shipments.reassign(shipment.shipmentId, driverId, by, reason)
    return asked.pipe(
      Effect.as(true),
      Effect.catch((error) => {
        if (error._tag === "SqlError") return Effect.fail(error)
        const isDecided = error._tag !== "ShipmentUnavailable" && error._tag !== "ShipmentMoved"
        return Effect.as(Effect.logDebug("shipment_not_given", { shipmentId: shipment.shipmentId, error }), isDecided)
      })
    )
  }

  /** Asks every shipment that the driver does not have, and nobody was given since. What could not be asked now is asked by RunRepair. */
  const give = Effect.fn("Runs.give")(function* (runId: string, by: ShipmentAsker) {
    const { giving, driverId, wanted } = yield* inScope(by.scope, stillWanting(runId))
    if (giving === undefined) return
    const reason = giving.reason ?? undefined
    const decided =
      driverId === undefined ? [] : yield* Effect.forEach(wanted, (shipment) => ask(shipment, driverId, by, reason))
    if (decided.length > 0) {
      const told = Effect.flatMap(taking.take(runId, undefined, []), (state) => taking.tellTasks(runId, state))
      // Whoever put a shipment in meanwhile tells of the whole run.
      yield* Effect.catchTag(inScope(by.scope, told), "RunMoved", () => Effect.void)
    }
    if (decided.every((each) => each)) yield* inScope(by.scope, repo.endGiving(runId, giving.giving_id))
  })

  /** What keeps a driver from each shipment that they should have. */
  const missing = Effect.fnUntraced(function* (runId: string, kind: ActorKind) {
    const { driverId, wanted } = yield* wanting(runId)
    if (driverId === undefined || wanted.length === 0) return []
    const standing = yield* rows.driverStanding(driverId)
    return yield* Effect.forEach(
      wanted,
      Effect.fnUntraced(function* ({ shipmentId, holderId }) {
        const found: Missing = { shipmentId, holderId, code: undefined, detail: undefined }
        if (standing !== "active" && standing !== "invited") return { ...found, code: "driver_suspended" }
        const _tag = holderId === undefined ? "Assign" : "Reassign"
        const tried = decideShipment(yield* rows.load(shipmentId), { _tag, assignmentId: "", driverId }, kind)
        return tried._tag === "Refused" ? { ...found, code: tried.code, detail: tried.detail } : found
      })
    )
  })

  return { give, missing }
})
