import type { CloseCode } from "../protocol/CloseCode.ts"
import type { Frame } from "../protocol/FrameCodec.ts"

/** A frame that goes to many readers: encoded once for each encoding in use, when the first of them needs it. */
export class SharedFrame {
  readonly frame: Frame
  private msgpack: Uint8Array | undefined
  private json: string | undefined

  constructor(frame: Frame) {
    this.frame = frame
  }

  bytes(encode: (frame: Frame) => Uint8Array): Uint8Array {
    this.msgpack ??= encode(this.frame)
    return this.msgpack
  }

  text(encode: (frame: Frame) => string): string {
    this.json ??= encode(this.frame)
    return this.json
  }
}

/** What realtime may do to whoever listens; a socket or an event stream implements it. */
export interface FrameSink {
  send(frame: SharedFrame): void
  /** Whether what was sent before is still waiting to leave: positions are skipped, events are not. */
  readonly isBehind: boolean
  close(code: CloseCode, retryAfterMs: number): void
}
