import { Effect } from "effect"
import { followShipment, type RunShipment, type RunState } from "../../domain/Run.ts"
import type { ShipmentEvent, ShipmentEventType } from "../../domain/ShipmentEvent.ts"
import { holdingAssignment, type ShipmentState } from "../../domain/ShipmentState.ts"
import { RunRepo, runShipmentOf, runStopOf } from "../../persistence/runs/RunRepo.ts"

/** What happens while nobody has the shipment, or changes nothing of its way. */
const quiet: ReadonlySet<ShipmentEventType> = new Set([
  "shipment.created",
  "shipment.dispatching",
  "shipment.offered",
  "shipment.offer_declined",
  "shipment.offer_expired",
  "shipment.rescheduled"
])

const isSame = (a: RunState, b: RunState): boolean =>
  a.status === b.status &&
  a.sequence.length === b.sequence.length &&
  a.sequence.every((stop, index) => stop === b.sequence[index])

/** The run under way that a shipment is in, held. */
export type HeldRun = { readonly id: string; readonly driver_id: string | null }

/**
 * What follows for a run when one of its shipments moved: in the shipment's transaction, which holds the shipment, so that the
 * commit that hands a parcel off takes it out of the run, and the one that ends the last parcel ends the run (ADR 0180).
 *
 * Two shipments of a run that move at once: whoever follows writes stops of both, so the run is held before any stop is written.
 */
export const makeRunFollowing = Effect.gen(function* () {
  const runs = yield* RunRepo

  /** Takes the run that these events may change; undefined: none. */
  const hold = Effect.fnUntraced(function* (shipmentId: string, events: ReadonlyArray<ShipmentEvent>) {
    return events.every(({ type }) => quiet.has(type)) ? undefined : yield* runs.lockActiveRunOf(shipmentId)
  })

  const follow = Effect.fnUntraced(function* (run: HeldRun, shipmentId: string, after: ShipmentState) {
    const moved: RunShipment = { shipmentId, status: after.status, holderId: holdingAssignment(after)?.driverId }
    const others = (yield* runs.shipments(run.id)).map(runShipmentOf).filter((each) => each.shipmentId !== shipmentId)
    const before: RunState = {
      status: "active",
      driverId: run.driver_id ?? undefined,
      sequence: (yield* runs.stops(run.id)).map(runStopOf),
      shipments: [...others, moved]
    }
    const next = followShipment(before, moved)
    if (!isSame(before, next)) yield* runs.keep(run.id, before, next)
  })

  return { hold, follow }
})
