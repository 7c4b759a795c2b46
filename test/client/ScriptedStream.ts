import type { SocketEvents, SocketFactory } from "../../src/client/SocketFactory.ts"
import { decodeFrame, encodeFrame, type Frame, MalformedFrame } from "../../src/protocol/FrameCodec.ts"

/** One connection as the peer sees it. */
interface StreamConnection {
  readonly url: string
  readonly frames: Array<Frame>
  readonly events: SocketEvents
  isOpen: boolean
}

/** The other end of a stream, told by the test what to say. Everything happens at once, in order. */
export class ScriptedStream {
  readonly connections: Array<StreamConnection> = []
  /** Refuses connections, as a server that is not there. */
  isAway = false

  readonly sockets: SocketFactory = (url, events) => {
    const connection: StreamConnection = { url, frames: [], events, isOpen: true }
    this.connections.push(connection)
    queueMicrotask(() => {
      if (!connection.isOpen) return
      if (!this.isAway) return events.opened()
      connection.isOpen = false
      events.closed(1006, "")
    })
    return {
      send: (bytes) => {
        const frame = decodeFrame(bytes, 16)
        if (frame instanceof MalformedFrame) throw new Error(frame.detail)
        connection.frames.push(frame)
      },
      close: () => {
        connection.isOpen = false
      },
      bufferedBytes: () => 0
    }
  }

  get connection(): StreamConnection {
    const connection = this.connections.at(-1)
    if (connection === undefined) throw new Error("no connection was made")
    return connection
  }

  /** What the client said last. */
  get last(): Frame {
    return this.connection.frames.at(-1) ?? []
  }

  tell(frame: Frame): void {
    if (this.connection.isOpen) this.connection.events.received(encodeFrame(frame))
  }

  drop(code = 1006): void {
    this.connection.isOpen = false
    this.connection.events.closed(code, "")
  }

  /** GOODBYE, then the close with its code. */
  goodbye(code: number, retryAfterMs = 0): void {
    this.tell([42, code, "scripted", retryAfterMs])
    this.drop(code)
  }
}
