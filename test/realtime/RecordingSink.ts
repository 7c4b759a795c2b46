import type { CloseCode } from "../../src/protocol/CloseCode.ts"
import type { Frame } from "../../src/protocol/FrameCodec.ts"
import type { FrameSink, SharedFrame } from "../../src/realtime/FrameSink.ts"

/** A reader that keeps what it is sent, and can be made to fall behind. */
export class RecordingSink implements FrameSink {
  readonly frames: Array<Frame> = []
  isBehind = false
  closedWith: CloseCode | undefined

  send(frame: SharedFrame): void {
    this.frames.push(frame.frame)
  }

  close(code: CloseCode): void {
    this.closedWith = code
  }

  ofType(type: number): ReadonlyArray<Frame> {
    return this.frames.filter((frame) => frame[0] === type)
  }

  /** Takes out what was sent so far. */
  drain(): ReadonlyArray<Frame> {
    return this.frames.splice(0)
  }
}
