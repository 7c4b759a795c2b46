import { publicId } from "../domain/Ids.ts"
import type { Frame } from "../protocol/FrameCodec.ts"
import { FleetServerFrame } from "../protocol/FrameType.ts"
import type { BoundingBox, FleetBoard } from "./FleetBoard.ts"
import { type FrameSink, SharedFrame } from "./FrameSink.ts"

/** One dispatcher's place in a view. */
export interface FleetMember {
  readonly sink: FrameSink
  /** Missed a round because it was behind: what it holds is no longer what the view holds. */
  hasMissed: boolean
}

/**
 * Everybody who looks at the same part of the map at the same interval. What changed is found and encoded once for all of
 * them; a member that does not read misses rounds alone and gets a fresh snapshot when it has caught up.
 */
export class FleetView {
  readonly box: BoundingBox
  readonly intervalMs: number
  readonly members = new Set<FleetMember>()
  private readonly board: FleetBoard
  /** 1 for each handle that members know to be in view. */
  private inView = new Uint8Array(0)
  private seenVersion = 0
  private dueAt = 0

  constructor(board: FleetBoard, box: BoundingBox, intervalMs: number, now: number) {
    this.board = board
    this.box = box
    this.intervalMs = intervalMs
    this.dueAt = now + intervalMs
    this.look()
  }

  /** Sends a round if it is time. `snapshotOf` gives a member that fell behind its new beginning. */
  flush(now: number, snapshotOf: (view: FleetView) => SharedFrame): void {
    if (now < this.dueAt) return
    this.dueAt = Math.max(this.dueAt + this.intervalMs, now)
    const { entered, changed, gone } = this.look()
    const frames: Array<SharedFrame> = []
    if (entered.length > 0) frames.push(new SharedFrame(driversFrame(this.board, entered)))
    if (changed.length > 0) frames.push(new SharedFrame(positionsFrame(this.board, changed, now)))
    if (gone.length > 0) frames.push(new SharedFrame([FleetServerFrame.gone, gone]))
    for (const member of this.members) {
      // Nothing to tell: a socket need not be asked how far behind it is.
      if (frames.length === 0 && !member.hasMissed) continue
      if (member.sink.isBehind) {
        member.hasMissed ||= frames.length > 0
      } else if (member.hasMissed) {
        member.hasMissed = false
        member.sink.send(snapshotOf(this))
      } else {
        for (const frame of frames) member.sink.send(frame)
      }
    }
  }

  /** The handles in view, as members know it. */
  handles(): ReadonlyArray<number> {
    const handles: Array<number> = []
    for (let handle = 0; handle < this.inView.length; handle++) if (this.inView[handle] === 1) handles.push(handle)
    return handles
  }

  has(handle: number): boolean {
    return this.inView[handle] === 1
  }

  /** Whether the driver changed since members were last told. */
  owes(handle: number): boolean {
    return (this.board.changedAt[handle] as number) > this.seenVersion
  }

  /** Compares the board with what members know, and makes it what they know. */
  private look(): { readonly entered: Array<number>; readonly changed: Array<number>; readonly gone: Array<number> } {
    const { board } = this
    if (this.inView.length < board.count) {
      const wider = new Uint8Array(board.shown.length)
      wider.set(this.inView)
      this.inView = wider
    }
    const entered: Array<number> = []
    const changed: Array<number> = []
    const gone: Array<number> = []
    if (this.seenVersion === board.version) return { entered, changed, gone }
    for (let handle = 0; handle < board.count; handle++) {
      if ((board.changedAt[handle] as number) <= this.seenVersion) continue
      const isIn = board.shown[handle] === 1 && board.isInside(handle, this.box)
      if (isIn) {
        changed.push(handle)
        if (this.inView[handle] === 0) entered.push(handle)
      } else if (this.inView[handle] === 1) gone.push(handle)
      this.inView[handle] = isIn ? 1 : 0
    }
    this.seenVersion = board.version
    return { entered, changed, gone }
  }
}

const pick = (column: ArrayLike<number>, handles: ReadonlyArray<number>): Array<number> =>
  handles.map((handle) => column[handle] as number)

const headings = (board: FleetBoard, handles: ReadonlyArray<number>): Array<number | null> =>
  handles.map((handle) => {
    const heading = board.headingCdeg[handle] as number
    return heading < 0 ? null : heading
  })

/** Introduces handles. */
export const driversFrame = (board: FleetBoard, handles: ReadonlyArray<number>): Frame => [
  FleetServerFrame.drivers,
  handles,
  handles.map((handle) => publicId("driver", board.ids[handle] as string)),
  handles.map((handle) => board.names[handle] as string)
]

/** Where some drivers are. */
export const positionsFrame = (board: FleetBoard, handles: ReadonlyArray<number>, now: number): Frame => [
  FleetServerFrame.positions,
  now,
  handles,
  pick(board.latE7, handles),
  pick(board.lngE7, handles),
  headings(board, handles),
  pick(board.status, handles),
  handles.map((handle) => Math.max(0, now - (board.recordedAt[handle] as number)))
]

/** Everything a dispatcher needs to begin with. `offset` is the event number that it is valid at. */
export const snapshotFrame = (
  board: FleetBoard,
  handles: ReadonlyArray<number>,
  offset: number,
  now: number
): Frame => [
  FleetServerFrame.snapshot,
  board.epoch,
  offset,
  now,
  {
    handles,
    ids: handles.map((handle) => publicId("driver", board.ids[handle] as string)),
    names: handles.map((handle) => board.names[handle] as string),
    latE7: pick(board.latE7, handles),
    lngE7: pick(board.lngE7, handles),
    headingCdeg: headings(board, handles),
    status: pick(board.status, handles),
    recordedAt: pick(board.recordedAt, handles)
  }
]
