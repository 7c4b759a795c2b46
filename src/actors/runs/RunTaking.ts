import { Effect } from "effect"
import type { RunDecision, RunState } from "../../domain/Run.ts"
import { isOpenRun, refuseStops } from "../../domain/Run.ts"
import { RunRepo, runShipmentOf, runStopOf } from "../../persistence/runs/RunRepo.ts"
import { refusal } from "../CommandRefused.ts"
import { RunMoved } from "./RunRefused.ts"

/** The answer of a run's machine as an effect. */
export const ruled = (decision: RunDecision) =>
  decision._tag === "Refused" ? Effect.fail(refusal(decision)) : Effect.succeed(decision.after)

/** Fails for a run whose stops may not change any more. */
export const whileOpen = (state: RunState) => {
  const closed = refuseStops(state)
  return closed === undefined ? Effect.void : Effect.fail(refusal(closed))
}

/**
 * Takes a run for the caller's transaction, has it decided, and keeps it. Shipments are taken before the run, as their own actors do, so
 * that a driver's report and a dispatcher's change wait for each other instead of dying of each other.
 */
export const makeRunTaking = Effect.gen(function* () {
  const repo = yield* RunRepo

  /** The run and its shipments, held; `more` are shipments that are about to be in it. */
  const take = Effect.fnUntraced(function* (
    runId: string,
    expectedVersion: number | undefined,
    more: ReadonlyArray<string>
  ) {
    const held = new Set([...(yield* repo.shipments(runId)).map((row) => row.shipment_id), ...more])
    yield* repo.lockShipments([...held])
    const row = yield* repo.lockRow(runId, expectedVersion)
    const shipments = (yield* repo.shipments(runId)).map(runShipmentOf)
    if (shipments.some(({ shipmentId }) => !held.has(shipmentId))) return yield* new RunMoved({ runId })
    const state: RunState = {
      status: row.status,
      driverId: row.driver_id ?? undefined,
      sequence: (yield* repo.stops(runId)).map(runStopOf),
      shipments
    }
    return state
  })

  /** What the driver's phones are told of the run. */
  const tellTasks = (runId: string, { status, driverId }: RunState) =>
    driverId === undefined || !isOpenRun(status) ? Effect.void : repo.sequenceTasks(runId, driverId)

  const keep = Effect.fnUntraced(function* (runId: string, before: RunState, after: RunState) {
    if (after === before) return
    yield* repo.keep(runId, before, after)
    const stay = new Set(after.sequence.map(({ shipmentId }) => shipmentId))
    const left = before.shipments.flatMap(({ shipmentId }) => (stay.has(shipmentId) ? [] : [shipmentId]))
    if (left.length > 0) yield* repo.retell(left)
    yield* tellTasks(runId, after)
  })

  /** Takes a run, decides, keeps. A decision that answers the state it was given changes nothing. */
  const change = Effect.fnUntraced(function* <E, R>(
    runId: string,
    expectedVersion: number | undefined,
    more: ReadonlyArray<string>,
    decide: (state: RunState) => Effect.Effect<RunState, E, R>
  ) {
    const before = yield* take(runId, expectedVersion, more)
    yield* keep(runId, before, yield* decide(before))
  })

  return { take, keep, change, tellTasks }
})
