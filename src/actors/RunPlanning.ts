import { Effect } from "effect"
import { Limits } from "../config/Limits.ts"
import {
  type AddedShipment,
  decideAdd,
  decideDropBreak,
  decideTakeOut,
  type RunState,
  refuseStops,
  withinBounds
} from "../domain/Run.ts"
import { reordered, withBreak } from "../domain/RunSequence.ts"
import { newId } from "../persistence/NewId.ts"
import { RowAbsent } from "../persistence/RowAbsent.ts"
import type { AddableRow } from "../persistence/RunReading.ts"
import { type NewBreak, RunRepo, runShipmentOf } from "../persistence/RunRepo.ts"
import { refusal } from "./CommandRefused.ts"
import { RunPartUnknown, StopOrderRefused } from "./RunRefused.ts"
import { makeRunTaking, ruled } from "./RunTaking.ts"

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

const whileOpen = (state: RunState) => {
  const closed = refuseStops(state)
  return closed === undefined ? Effect.void : Effect.fail(refusal(closed))
}

/** Changes of what a run consists of, each in the caller's transaction. */
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

  /** Puts a break right after a stop, or at the end. */
  const addBreak = Effect.fn("Runs.addBreak")(function* (
    runId: string,
    pause: Omit<NewBreak, "id">,
    afterStopId: string | undefined,
    expectedVersion: number | undefined
  ) {
    const id = yield* newId
    const made = Effect.fnUntraced(function* (state: RunState) {
      yield* whileOpen(state)
      if (afterStopId !== undefined && !state.sequence.some(({ stopId }) => stopId === afterStopId))
        return yield* new RunPartUnknown({ part: "stop", position: undefined })
      const after = yield* ruled(
        withinBounds({ ...state, sequence: withBreak(state.sequence, id, afterStopId) }, limits)
      )
      yield* repo.insertBreak(runId, after.sequence.length, { ...pause, id })
      return after
    })
    yield* change(runId, expectedVersion, [], made)
  })

  /** Takes a break out that is still to come. */
  const dropBreak = Effect.fn("Runs.dropBreak")(function* (
    runId: string,
    stopId: string,
    expectedVersion: number | undefined
  ) {
    const dropped = Effect.fnUntraced(function* (state: RunState) {
      const pause = state.sequence.find((stop) => stop.stopId === stopId)
      if (pause === undefined) return yield* new RowAbsent({ kind: "stop", id: stopId })
      const after = yield* ruled(decideDropBreak(state, pause))
      yield* repo.deleteBreak(runId, stopId)
      return after
    })
    yield* change(runId, expectedVersion, [], dropped)
  })

  return { add, takeOut, reorder, addBreak, dropBreak }
})
