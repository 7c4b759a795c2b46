import { Clock, Context, Duration, Effect, Layer, Metric, Schedule } from "effect"
import { Limits } from "../config/Limits.ts"
import { newId } from "../persistence/NewId.ts"
import { FleetBoard } from "./FleetBoard.ts"
import {
  type FleetEvent,
  type FleetResume,
  type FleetSubscription,
  type FleetViewRequest,
  FleetViews
} from "./FleetViews.ts"
import type { FrameSink } from "./FrameSink.ts"

const noContext = Context.empty()
const begun = Metric.counter("dropmate_fleet_members", { description: "Dispatchers' map subscriptions begun" })

/**
 * The fleet as dispatchers watch it: one board, one view for each (area, interval) that somebody looks at, and the fleet's
 * events. All in memory and synchronous, so a snapshot and what follows it cannot miss each other; a restart is a new epoch.
 */
export class FleetHub extends Context.Service<
  FleetHub,
  {
    readonly board: FleetBoard
    readonly subscribe: (sink: FrameSink, request: FleetViewRequest, resume: FleetResume) => FleetSubscription
    readonly publish: (event: FleetEvent) => void
    /** Whether any dispatcher looks at a map of this node. */
    readonly isWatched: () => boolean
  }
>()("dropmate/realtime/FleetHub") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const limits = yield* Limits
      const clock = yield* Clock.Clock
      const now = () => clock.currentTimeMillisUnsafe()
      const board = new FleetBoard(yield* newId)
      const views = new FleetViews(board, limits.fleetHistoryEventsMax, now)

      yield* Effect.sync(() => views.flush()).pipe(
        Effect.repeat(Schedule.spaced(Duration.millis(limits.fleetTickMs))),
        Effect.forkScoped
      )
      yield* Effect.sync(() => board.hideSilent(now() - limits.fleetSilentMs)).pipe(
        Effect.repeat(Schedule.spaced("5 seconds")),
        Effect.forkScoped
      )

      return {
        board,
        subscribe: (sink, request, resume) => {
          begun.updateUnsafe(1, noContext)
          return views.subscribe(sink, request, resume)
        },
        publish: (event) => views.publish(event),
        isWatched: () => views.isWatched
      }
    })
  )
}
