import { Clock, Context, Duration, Effect, Layer, Metric, Schedule } from "effect"
import { Limits } from "../config/Limits.ts"
import { publicId } from "../domain/Ids.ts"
import { newId } from "../persistence/NewId.ts"
import { FleetServerFrame } from "../protocol/FrameType.ts"
import { EventLog } from "./EventLog.ts"
import { type BoundingBox, FleetBoard } from "./FleetBoard.ts"
import { driversFrame, type FleetMember, FleetView, positionsFrame, snapshotFrame } from "./FleetView.ts"
import { type FrameSink, SharedFrame } from "./FrameSink.ts"

/** What a dispatcher asks to see. */
export interface FleetViewRequest {
  readonly box: BoundingBox
  readonly intervalMs: number
}

/** A dispatcher's subscription; `change` looks elsewhere, `end` forgets it. */
export interface FleetSubscription {
  readonly change: (request: FleetViewRequest) => void
  readonly end: () => void
}

/** Something that happened to a shipment, for consoles. */
export interface FleetEvent {
  readonly shipmentId: string
  readonly type: string
  readonly occurredAt: number
  readonly data: Readonly<Record<string, unknown>>
}

const noContext = Context.empty()
const rounds = Metric.counter("dropmate_fleet_members", { description: "Dispatchers' map subscriptions begun" })

/**
 * The fleet as dispatchers watch it: one board, one view for each (area, interval) that somebody looks at, and the fleet's
 * events. All in memory and synchronous, so a snapshot and what follows it cannot miss each other; a restart is a new epoch.
 */
export class FleetHub extends Context.Service<
  FleetHub,
  {
    readonly board: FleetBoard
    readonly subscribe: (
      sink: FrameSink,
      request: FleetViewRequest,
      resume: { readonly epoch: unknown; readonly offset: unknown }
    ) => FleetSubscription
    readonly publish: (event: FleetEvent) => void
  }
>()("dropmate/realtime/FleetHub") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const limits = yield* Limits
      const clock = yield* Clock.Clock
      const board = new FleetBoard(yield* newId)
      const log = new EventLog(limits.fleetHistoryEventsMax)
      const views = new Map<string, FleetView>()

      const snapshotOf = (view: FleetView): SharedFrame =>
        new SharedFrame(snapshotFrame(board, view.handles(), log.offset, clock.currentTimeMillisUnsafe()))

      const viewFor = ({ box, intervalMs }: FleetViewRequest): FleetView => {
        const key = `${box?.join(",") ?? "all"}/${intervalMs}`
        const known = views.get(key)
        if (known !== undefined) return known
        const view = new FleetView(board, box, intervalMs, clock.currentTimeMillisUnsafe())
        views.set(key, view)
        return view
      }
      const leave = (view: FleetView, member: FleetMember): void => {
        view.members.delete(member)
        if (view.members.size > 0) return
        for (const [key, known] of views) if (known === view) views.delete(key)
      }

      const begin = (
        member: FleetMember,
        view: FleetView,
        resume: { readonly epoch: unknown; readonly offset: unknown }
      ): void => {
        const missed =
          resume.epoch === board.epoch && typeof resume.offset === "number" ? log.after(resume.offset) : undefined
        if (missed === undefined) return member.sink.send(snapshotOf(view))
        member.sink.send(new SharedFrame([FleetServerFrame.resumed, board.epoch, resume.offset]))
        for (const event of missed) member.sink.send(new SharedFrame(event.frame))
        const handles = view.handles()
        member.sink.send(new SharedFrame(driversFrame(board, handles)))
        member.sink.send(new SharedFrame(positionsFrame(board, handles, clock.currentTimeMillisUnsafe())))
      }

      /** What is in the new view and was not in the old one, and the reverse; of what is in both, what the old one had yet to tell. */
      const difference = (member: FleetMember, from: FleetView, to: FleetView): void => {
        const gone = from.handles().filter((handle) => !to.has(handle))
        const entered = to.handles().filter((handle) => !from.has(handle))
        const news = to.handles().filter((handle) => !from.has(handle) || from.owes(handle))
        member.sink.send(new SharedFrame([FleetServerFrame.gone, gone]))
        if (entered.length > 0) member.sink.send(new SharedFrame(driversFrame(board, entered)))
        member.sink.send(new SharedFrame(positionsFrame(board, news, clock.currentTimeMillisUnsafe())))
      }

      yield* Effect.sync(() => {
        const now = clock.currentTimeMillisUnsafe()
        for (const view of views.values()) view.flush(now, snapshotOf)
      }).pipe(Effect.repeat(Schedule.spaced(Duration.millis(limits.fleetTickMs))), Effect.forkScoped)
      yield* Effect.sync(() => board.hideSilent(clock.currentTimeMillisUnsafe() - limits.fleetSilentMs)).pipe(
        Effect.repeat(Schedule.spaced("5 seconds")),
        Effect.forkScoped
      )

      return {
        board,
        subscribe: (sink, request, resume) => {
          rounds.updateUnsafe(1, noContext)
          const member: FleetMember = { sink, hasMissed: false }
          let view = viewFor(request)
          begin(member, view, resume)
          view.members.add(member)
          return {
            change: (next) => {
              const to = viewFor(next)
              difference(member, view, to)
              if (to === view) return
              leave(view, member)
              view = to
              view.members.add(member)
            },
            end: () => leave(view, member)
          }
        },
        publish: (event) => {
          const { frame } = log.append((offset) => [
            FleetServerFrame.event,
            offset,
            publicId("shipment", event.shipmentId),
            event.type,
            event.occurredAt,
            event.data
          ])
          const shared = new SharedFrame(frame)
          for (const view of views.values()) for (const member of view.members) member.sink.send(shared)
        }
      }
    })
  )
}
