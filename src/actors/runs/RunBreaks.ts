import { Effect } from "effect"
import { Limits } from "../../config/Limits.ts"
import { decideDropBreak, type RunState, withinBounds } from "../../domain/Run.ts"
import { withBreak } from "../../domain/RunSequence.ts"
import { newId } from "../../persistence/NewId.ts"
import { RowAbsent } from "../../persistence/RowAbsent.ts"
import { type NewBreak, RunRepo } from "../../persistence/runs/RunRepo.ts"
import { RunPartUnknown } from "./RunRefused.ts"
import { makeRunTaking, ruled, whileOpen } from "./RunTaking.ts"

/** Changes of a run's breaks, each in the caller's transaction. */
export const makeRunBreaks = Effect.gen(function* () {
  const limits = yield* Limits
  const repo = yield* RunRepo
  const { change } = yield* makeRunTaking

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

  return { addBreak, dropBreak }
})
