import type { Frame } from "../protocol/FrameCodec.ts"
import type { DriverEvents, DriverState } from "./DriverEvents.ts"

/** Who talks over a driver's connection. */
export interface DriverConnectionOwner {
  /** The first frame of a connection that has just opened. */
  readonly hello: (token: string) => Frame
  /** A frame that is not the connection's own business; before WELCOME only WELCOME itself and REFUSED. */
  readonly take: (frame: Frame) => void
  /** The socket is let go: nothing counts as sent. */
  readonly unlinked: () => void
  readonly changed: (state: DriverState) => void
  /** A connection, or the try to make one, came to an end that nobody here asked for. */
  readonly ended: () => void
  /** After `ended`, unless the client stops: when the next try is. */
  readonly lost: (loss: DriverEvents["lost"]) => void
  readonly tokenFailed: (cause: unknown) => void
  /** When the owner has something to do while live, without any frame; monotonic milliseconds or infinity. */
  readonly dueAtMs: () => number
  readonly runDue: (nowMs: number) => void
}
