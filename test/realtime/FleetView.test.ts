import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Frame } from "../../src/protocol/FrameCodec.ts"
import { FleetServerFrame } from "../../src/protocol/FrameType.ts"
import { type BoundingBox, FleetBoard, FleetStatus } from "../../src/realtime/FleetBoard.ts"
import { type FleetMember, FleetView, snapshotFrame } from "../../src/realtime/FleetView.ts"
import { SharedFrame } from "../../src/realtime/FrameSink.ts"
import { RecordingSink } from "./RecordingSink.ts"

const driver = (n: number): string => `00000000-0000-7000-8000-${String(n).padStart(12, "0")}`
const e7 = (degrees: number): number => Math.round(degrees * 1e7)

const join = (view: FleetView): { readonly member: FleetMember; readonly sink: RecordingSink } => {
  const sink = new RecordingSink()
  const member = { sink, hasMissed: false }
  view.members.add(member)
  return { member, sink }
}

const snapshotOf = (board: FleetBoard) => (view: FleetView) =>
  new SharedFrame(snapshotFrame(board, view.handles(), 0, 0))

/** What a console shows after applying frames to a snapshot's handles: handle -> latE7. */
const apply = (shown: Map<number, number>, frames: ReadonlyArray<Frame>): Map<number, number> => {
  for (const frame of frames) {
    if (frame[0] === FleetServerFrame.snapshot) {
      shown.clear()
      const drivers = frame[4] as { handles: Array<number>; latE7: Array<number> }
      drivers.handles.forEach((handle, i) => shown.set(handle, drivers.latE7[i] as number))
    } else if (frame[0] === FleetServerFrame.positions) {
      const handles = frame[2] as Array<number>
      handles.forEach((handle, i) => shown.set(handle, (frame[3] as Array<number>)[i] as number))
    } else if (frame[0] === FleetServerFrame.gone) {
      for (const handle of frame[1] as Array<number>) shown.delete(handle)
    }
  }
  return shown
}

describe("a view of the fleet", () => {
  it("introduces a driver before its first position, and sends only what changed after that", () => {
    const board = new FleetBoard("epoch")
    const view = new FleetView(board, undefined, 1_000, 0)
    const { sink } = join(view)
    const one = board.handleOf(driver(1), "Ada")
    const two = board.handleOf(driver(2), "Ben")
    board.move(one, e7(1), e7(1), 0, 10, 10)
    board.move(two, e7(2), e7(2), Number.NaN, 10, 10)
    view.flush(1_000, snapshotOf(board))
    expect(sink.drain().map((frame) => frame[0])).toEqual([FleetServerFrame.drivers, FleetServerFrame.positions])
    board.move(two, e7(2.1), e7(2), Number.NaN, 20, 20)
    view.flush(2_000, snapshotOf(board))
    expect(sink.drain()).toEqual([
      [FleetServerFrame.positions, 2_000, [two], [e7(2.1)], [e7(2)], [null], [FleetStatus.offline], [1_980]]
    ])
  })

  it("sends nothing before its interval is over and nothing when nothing changed", () => {
    const board = new FleetBoard("epoch")
    const view = new FleetView(board, undefined, 1_000, 0)
    const { sink } = join(view)
    board.move(board.handleOf(driver(1), "Ada"), 1, 1, 0, 10, 10)
    view.flush(999, snapshotOf(board))
    expect(sink.drain()).toEqual([])
    view.flush(1_000, snapshotOf(board))
    expect(sink.drain()).toHaveLength(2)
    view.flush(2_000, snapshotOf(board))
    expect(sink.drain()).toEqual([])
  })

  it("says GONE when a driver leaves the area or is hidden, once", () => {
    const board = new FleetBoard("epoch")
    const view = new FleetView(board, [0, 0, 2, 2], 1_000, 0)
    const { sink } = join(view)
    const one = board.handleOf(driver(1), "Ada")
    const two = board.handleOf(driver(2), "Ben")
    board.move(one, e7(1), e7(1), 0, 10, 10)
    board.move(two, e7(1), e7(1), 0, 10, 10)
    view.flush(1_000, snapshotOf(board))
    sink.drain()
    board.move(one, e7(3), e7(1), 0, 20, 20)
    board.hide(two)
    view.flush(2_000, snapshotOf(board))
    expect(sink.drain()).toEqual([[FleetServerFrame.gone, [one, two]]])
    view.flush(3_000, snapshotOf(board))
    expect(sink.drain()).toEqual([])
  })

  it("across the antimeridian holds both sides and not the rest of the world", () => {
    const board = new FleetBoard("epoch")
    const inside = board.handleOf(driver(1), "Ada")
    const also = board.handleOf(driver(2), "Ben")
    const outside = board.handleOf(driver(3), "Cy")
    board.move(inside, 0, e7(179), 0, 1, 1)
    board.move(also, 0, e7(-179), 0, 1, 1)
    board.move(outside, 0, e7(0), 0, 1, 1)
    expect(new FleetView(board, [170, -10, -170, 10], 1_000, 0).handles()).toEqual([inside, also])
  })

  it("skips a member that is behind and gives it a snapshot when it has caught up, while others go on", () => {
    const board = new FleetBoard("epoch")
    const view = new FleetView(board, undefined, 1_000, 0)
    const slow = join(view)
    const quick = join(view)
    const one = board.handleOf(driver(1), "Ada")
    slow.sink.isBehind = true
    board.move(one, 1, 1, 0, 1, 1)
    view.flush(1_000, snapshotOf(board))
    expect(slow.sink.drain()).toEqual([])
    expect(quick.sink.drain()).toHaveLength(2)
    slow.sink.isBehind = false
    view.flush(2_000, snapshotOf(board))
    expect(slow.sink.drain().map((frame) => frame[0])).toEqual([FleetServerFrame.snapshot])
    expect(quick.sink.drain()).toEqual([])
  })

  it("hides drivers that were silent too long and shows them again when they are heard", () => {
    const board = new FleetBoard("epoch")
    const one = board.handleOf(driver(1), "Ada")
    board.move(one, 1, 1, 0, 1_000, 1_000)
    board.hideSilent(1_001)
    expect(board.shown[one]).toBe(0)
    board.heard(one, 2_000)
    expect(board.shown[one]).toBe(1)
  })

  it("leaves every member, however late or slow, with exactly what the board holds in its area", () => {
    const box: BoundingBox = [0, 0, 5, 5]
    const step = fc.oneof(
      fc.record({ do: fc.constant("move" as const), n: fc.nat(30), lat: fc.nat(9), lng: fc.nat(9) }),
      fc.record({ do: fc.constant("hide" as const), n: fc.nat(30) }),
      fc.record({ do: fc.constant("behind" as const), member: fc.nat(2), is: fc.boolean() }),
      fc.record({ do: fc.constant("join" as const) }),
      fc.record({ do: fc.constant("flush" as const) })
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const board = new FleetBoard("epoch")
        const view = new FleetView(board, box, 100, 0)
        const members: Array<{ sink: RecordingSink; shown: Map<number, number> }> = []
        const enter = (): void => {
          const { sink } = join(view)
          sink.send(snapshotOf(board)(view))
          members.push({ sink, shown: new Map() })
        }
        enter()
        let now = 0
        for (const each of steps) {
          now += 100
          if (each.do === "move")
            board.move(board.handleOf(driver(each.n), "x"), e7(each.lat), e7(each.lng), 0, now, now)
          else if (each.do === "hide") board.hide(board.handleOf(driver(each.n), "x"))
          else if (each.do === "join") enter()
          else if (each.do === "flush") view.flush(now, snapshotOf(board))
          else {
            const member = members[each.member % members.length]
            if (member !== undefined) member.sink.isBehind = each.is
          }
        }
        for (const member of members) member.sink.isBehind = false
        view.flush(now + 1_000, snapshotOf(board))
        view.flush(now + 2_000, snapshotOf(board))
        const truth = new Map<number, number>()
        for (let handle = 0; handle < board.count; handle++) {
          if (board.shown[handle] === 1 && board.isInside(handle, box)) truth.set(handle, board.latE7[handle] as number)
        }
        for (const member of members) expect(apply(member.shown, member.sink.frames)).toEqual(truth)
      }),
      { numRuns: 300, verbose: 1 }
    )
  })

  it("keeps its columns when more drivers come than it was made for", () => {
    const board = new FleetBoard("epoch")
    for (let n = 0; n < 3_000; n++) board.move(board.handleOf(driver(n), `d${n}`), n, n, 0, n, n)
    expect(board.count).toBe(3_000)
    expect([board.latE7[0], board.latE7[1_500], board.latE7[2_999]]).toEqual([0, 1_500, 2_999])
    expect(new FleetView(board, undefined, 1_000, 0).handles()).toHaveLength(3_000)
  })
})
