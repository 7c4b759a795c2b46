import { Context, Effect, Layer } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import type { RowAbsent } from "../persistence/RowAbsent.ts"
import type { EventOrigin } from "../persistence/ShipmentEventRepo.ts"
import type { ShipmentMoved } from "../persistence/ShipmentWrites.ts"
import { TaskRepo } from "../persistence/TaskRepo.ts"
import type { CommandRefused, DriverNotAssignable } from "./CommandRefused.ts"
import { makeShipmentBeginning } from "./ShipmentBeginning.ts"
import { makeShipmentCommands } from "./ShipmentCommands.ts"
import { type Task, taskShape } from "./TaskShape.ts"
import { makeTaskVerdicts, type TaskCommand, type TaskVerdict } from "./TaskVerdicts.ts"

/** Why a shipment's command did not succeed. ShipmentMoved: others were faster, again and again; ask again. */
export type ShipmentFailure = RowAbsent | CommandRefused | ShipmentMoved | SqlError.SqlError

/**
 * Shipments: each command is decided by the pure machine, kept with its events under the order's row lock and the shipment's version,
 * and told by its commit, which rings the doorbells. Joins the caller's transaction when there is one.
 *
 * Tricky interleavings
 * - Fifty dispatchers assign one shipment at once: they queue on the order's row, and all but the first are refused.
 *   Test: "of fifty who assign at once exactly one wins".
 * - A phone sends its log again, on two sockets at once: both queue on the command; the second reads the first one's answer.
 * - A shipment is reassigned while its old driver's log is on the way: the token is stale by then, whatever the log says.
 */
export class Shipments extends Context.Service<
  Shipments,
  {
    /** Confirms a submitted order and begins its shipment; answers the shipment's id. A confirmed one stays as it is. */
    readonly confirm: (orderId: string, origin: EventOrigin) => Effect.Effect<string, ShipmentFailure>
    /** Gives a waiting shipment to a driver; answers the assignment's id. */
    readonly assign: (
      shipmentId: string,
      driverId: string,
      origin: EventOrigin
    ) => Effect.Effect<string, ShipmentFailure | DriverNotAssignable>
    /** Takes a shipment that is not picked up from its driver and gives it to another. */
    readonly reassign: (
      shipmentId: string,
      driverId: string,
      origin: EventOrigin
    ) => Effect.Effect<string, ShipmentFailure | DriverNotAssignable>
    readonly unassign: (
      shipmentId: string,
      reason: string | undefined,
      origin: EventOrigin
    ) => Effect.Effect<void, ShipmentFailure>
    /** Cancels a shipment that is not picked up, and its order. */
    readonly cancel: (
      shipmentId: string,
      reason: string | undefined,
      origin: EventOrigin
    ) => Effect.Effect<void, ShipmentFailure>
    /** Takes a phone's TASK; the verdict is stored with its effect, and the same id has the same verdict for ever. */
    readonly task: (
      driverId: string,
      command: TaskCommand
    ) => Effect.Effect<TaskVerdict, ShipmentMoved | SqlError.SqlError>
    /** The content of the TASKS frame. */
    readonly tasksOf: (
      driverId: string
    ) => Effect.Effect<{ readonly version: number; readonly tasks: ReadonlyArray<Task> }, SqlError.SqlError>
  }
>()("dropmate/actors/Shipments") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const tasks = yield* TaskRepo
      const sql = yield* SqlClient.SqlClient
      const { command, giveTo } = yield* makeShipmentCommands
      const { confirm } = yield* makeShipmentBeginning
      const { task } = yield* makeTaskVerdicts

      return {
        confirm: Effect.fn("Shipments.confirm")((orderId, origin) => sql.withTransaction(confirm(orderId, origin))),
        assign: Effect.fn("Shipments.assign")((shipmentId, driverId, origin) =>
          giveTo("Assign", shipmentId, driverId, origin)
        ),
        reassign: Effect.fn("Shipments.reassign")((shipmentId, driverId, origin) =>
          giveTo("Reassign", shipmentId, driverId, origin)
        ),
        unassign: Effect.fn("Shipments.unassign")((shipmentId, reason, origin) =>
          Effect.asVoid(command(shipmentId, { _tag: "Unassign", ...withReason(reason) }, origin))
        ),
        cancel: Effect.fn("Shipments.cancel")((shipmentId, reason, origin) =>
          Effect.asVoid(command(shipmentId, { _tag: "Cancel", ...withReason(reason) }, origin))
        ),
        task,
        tasksOf: Effect.fn("Shipments.tasksOf")(function* (driverId: string) {
          const list = yield* tasks.tasksOf(driverId)
          return { version: list.version, tasks: list.tasks.map(taskShape) }
        })
      }
    })
  )
}

const withReason = (reason: string | undefined) => (reason === undefined ? {} : { reason })
