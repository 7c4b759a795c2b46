import { Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { Limits } from "../../config/Limits.ts"
import { ShipmentRepo } from "../../persistence/shipments/ShipmentRepo.ts"

/** Runs statements in the row scope of a driver. */
type AsDriver = <A, E>(
  driverId: string,
  effect: Effect.Effect<A, E | SqlError.SqlError, SqlClient.SqlClient>
) => Effect.Effect<A, E | SqlError.SqlError>

/**
 * Finds the shipment of an assignment that a driver knows of; undefined when they know of none. A phone reports again and again about the
 * same job, whose shipment never changes, so it is read once and remembered; whether the driver may still do anything is asked there.
 */
export const makeAssignmentShipments = (asDriver: AsDriver) =>
  Effect.gen(function* () {
    const shipments = yield* ShipmentRepo
    const { assignmentsRememberedMax } = yield* Limits
    /** Driver and assignment to shipment, in the order of first use. */
    const known = new Map<string, string>()

    const remember = (key: string, shipmentId: string): void => {
      for (const oldest of known.keys()) {
        if (known.size < assignmentsRememberedMax) break
        known.delete(oldest)
      }
      known.set(key, shipmentId)
    }

    return Effect.fnUntraced(function* (driverId: string, assignmentId: string) {
      const key = `${driverId} ${assignmentId}`
      const remembered = known.get(key)
      if (remembered !== undefined) return remembered
      const assignment = yield* asDriver(driverId, shipments.assignment(assignmentId)).pipe(
        Effect.catchTag("RowAbsent", () => Effect.undefined)
      )
      if (assignment !== undefined) remember(key, assignment.shipment_id)
      return assignment?.shipment_id
    })
  })
