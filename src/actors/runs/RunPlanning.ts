import { Effect } from "effect"
import { Limits } from "../../config/Limits.ts"
import { type AddedShipment, decideAdd, decideTakeOut, type RunState } from "../../domain/Run.ts"
import { reordered } from "../../domain/RunSequence.ts"
import { RowAbsent } from "../../persistence/RowAbsent.ts"
import type { AddableRow } from "../../persistence/runs/RunReading.ts"
import { RunRepo, runShipmentOf } from "../../persistence/runs/RunRepo.ts"
import { RunPartUnknown, StopOrderRefused } from "./RunRefused.ts"
import { makeRunTaking, ruled, whileOpen } from "./RunTaking.ts"

const addedOf = (row: AddableRow): AddedShipment => ({
  ...runShipmentOf(row),
  runId: row.run_id ?? undefined,
  stops: row.stops.map(({ id, stop_type, status }) => ({
    stopId: id,
    shipmentId: row.shipment_id,
    type: stop_type,
    status
  }))
})

/** The stops of a state in that order; undefined: as they are. */
const inOrder = (state: RunState, stopIds: ReadonlyArray<string> | undefined) => {
  if (stopIds === undefined) return Effect.succeed(state)
  const next = reordered(state.sequence, stopIds)
  if ("fault" in next) return Effect.fail(new StopOrderRefused({ fault: next.fault }))
  const isSame = next.sequence.every((stop, index) => stop === state.sequence[index])
  return Effect.succeed(isSame ? state : { ...state, sequence: next.sequence })
}

/** Changes of what a run consists of besides its breaks, each in the caller's transaction. */
export const makeRunPlanning = Effect.gen(function* () {
  const limits = yield* Limits
  const repo = yield* RunRepo
  const { change } = yield* makeRunTaking

  const added = Effect.fnUntraced(function* (runId: string, state: RunState, shipmentIds: ReadonlyArray<string>) {
    const rows = new Map((yield* repo.addable(shipmentIds)).map((row) => [row.shipment_id, addedOf(row)]))
    const position = shipmentIds.findIndex((id) => !rows.has(id))
    if (position !== -1) return yield* new RunPartUnknown({ part: "shipment", position })
    const wanted = [...new Set(shipmentIds)].flatMap((id) => rows.get(id) ?? [])
    return yield* ruled(decideAdd(state, runId, wanted, limits))
  })

  /** Puts shipments into a run, behind what it has; `stopIds` is the order of all stops then. */
  const add = Effect.fn("Runs.add")(function* (
    runId: string,
    shipmentIds: ReadonlyArray<string>,
    stopIds: ReadonlyArray<string> | undefined,
    expectedVersion: number | undefined
  ) {
    yield* change(runId, expectedVersion, shipmentIds, (state) =>
      Effect.flatMap(added(runId, state, shipmentIds), (after) => inOrder(after, stopIds))
    )
    yield* repo.wantGiving(runId, undefined)
  })

  /** Takes a shipment out of a run; its driver keeps it. */
  const takeOut = Effect.fn("Runs.takeOut")(function* (
    runId: string,
    shipmentId: string,
    expectedVersion: number | undefined
  ) {
    const taken = Effect.fnUntraced(function* (state: RunState) {
      if (!state.shipments.some((each) => each.shipmentId === shipmentId))
        return yield* new RowAbsent({ kind: "shipment", id: shipmentId })
      return yield* ruled(decideTakeOut(state, shipmentId))
    })
    yield* change(runId, expectedVersion, [], taken)
  })

  /** Has the stops made in another order, which names each of them once. */
  const reorder = Effect.fn("Runs.reorder")(function* (
    runId: string,
    stopIds: ReadonlyArray<string>,
    expectedVersion: number | undefined
  ) {
    yield* change(runId, expectedVersion, [], (state) => Effect.andThen(whileOpen(state), inOrder(state, stopIds)))
  })

  return { add, takeOut, reorder }
})
