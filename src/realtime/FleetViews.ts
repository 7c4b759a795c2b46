import { publicEventData } from "../domain/EventData.ts"
import { publicId } from "../domain/Ids.ts"
import { FleetServerFrame } from "../protocol/FrameType.ts"
import { EventLog } from "./EventLog.ts"
import type { BoundingBox, FleetBoard } from "./FleetBoard.ts"
import { driversFrame, type FleetMember, FleetView, positionsFrame, snapshotFrame } from "./FleetView.ts"
import { type FrameSink, SharedFrame } from "./FrameSink.ts"

/** What a dispatcher asks to see. */
export interface FleetViewRequest {
  readonly box: BoundingBox
  readonly intervalMs: number
}

/** What a returning console says it has. */
export interface FleetResume {
  readonly epoch: unknown
  readonly offset: unknown
}

/** A dispatcher's subscription; `change` looks elsewhere, `end` forgets it. */
export interface FleetSubscription {
  readonly change: (request: FleetViewRequest) => void
  readonly end: () => void
}

/** Something that happened to an order or its shipment, for consoles. Ids are bare; `data` is as the log has it. */
export interface FleetEvent {
  readonly orderId: string
  /** Undefined until the order is confirmed. */
  readonly shipmentId: string | undefined
  readonly type: string
  /** Unix ms. */
  readonly occurredAt: number
  readonly data: Readonly<Record<string, unknown>>
}

/** One view for each (area, interval) that somebody looks at, and the fleet's events. Synchronous; knows no clock but `now`. */
export class FleetViews {
  private readonly board: FleetBoard
  private readonly log: EventLog
  private readonly now: () => number
  private readonly views = new Map<string, FleetView>()

  constructor(board: FleetBoard, historyMax: number, now: () => number) {
    this.board = board
    this.log = new EventLog(historyMax)
    this.now = now
  }

  get isWatched(): boolean {
    return this.views.size > 0
  }

  subscribe(sink: FrameSink, request: FleetViewRequest, resume: FleetResume): FleetSubscription {
    const member: FleetMember = { sink, hasMissed: false }
    let view = this.viewFor(request)
    this.begin(member, view, resume)
    view.members.add(member)
    return {
      change: (next) => {
        const to = this.viewFor(next)
        this.tellDifference(member, view, to)
        if (to === view) return
        this.leave(view, member)
        view = to
        view.members.add(member)
      },
      end: () => this.leave(view, member)
    }
  }

  publish(event: FleetEvent): void {
    const { frame } = this.log.append((offset) => [
      FleetServerFrame.event,
      offset,
      event.shipmentId === undefined ? null : publicId("shipment", event.shipmentId),
      event.type,
      event.occurredAt,
      publicEventData(event.data),
      publicId("order", event.orderId)
    ])
    const shared = new SharedFrame(frame)
    for (const view of this.views.values()) for (const member of view.members) member.sink.send(shared)
  }

  /** Sends the rounds that are due. */
  flush(): void {
    const now = this.now()
    for (const view of this.views.values()) view.flush(now, this.snapshotOf)
  }

  private readonly snapshotOf = (view: FleetView): SharedFrame =>
    new SharedFrame(snapshotFrame(this.board, view.handles(), this.log.offset, this.now()))

  private viewFor({ box, intervalMs }: FleetViewRequest): FleetView {
    const key = `${box?.join(",") ?? "all"}/${intervalMs}`
    const known = this.views.get(key)
    if (known !== undefined) return known
    const view = new FleetView(this.board, box, intervalMs, this.now())
    this.views.set(key, view)
    return view
  }

  private leave(view: FleetView, member: FleetMember): void {
    view.members.delete(member)
    if (view.members.size > 0) return
    for (const [key, known] of this.views) if (known === view) this.views.delete(key)
  }

  private begin({ sink }: FleetMember, view: FleetView, resume: FleetResume): void {
    const { board } = this
    const isSameEpoch = resume.epoch === board.epoch && typeof resume.offset === "number"
    const missed = isSameEpoch ? this.log.after(resume.offset as number) : undefined
    if (missed === undefined) return sink.send(this.snapshotOf(view))
    sink.send(new SharedFrame([FleetServerFrame.resumed, board.epoch, resume.offset]))
    for (const event of missed) sink.send(new SharedFrame(event.frame))
    const handles = view.handles()
    sink.send(new SharedFrame(driversFrame(board, handles)))
    sink.send(new SharedFrame(positionsFrame(board, handles, this.now())))
  }

  /** What is in the new view and was not in the old one, and the reverse; of what is in both, what the old one had yet to tell. */
  private tellDifference({ sink }: FleetMember, from: FleetView, to: FleetView): void {
    const gone = from.handles().filter((handle) => !to.has(handle))
    const entered = to.handles().filter((handle) => !from.has(handle))
    const news = to.handles().filter((handle) => !from.has(handle) || from.owes(handle))
    sink.send(new SharedFrame([FleetServerFrame.gone, gone]))
    if (entered.length > 0) sink.send(new SharedFrame(driversFrame(this.board, entered)))
    sink.send(new SharedFrame(positionsFrame(this.board, news, this.now())))
  }
}
