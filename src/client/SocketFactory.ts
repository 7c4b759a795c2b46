import { subprotocol } from "../protocol/FrameType.ts"

/** What a socket tells its owner. `closed` comes exactly once, also when the connection could not be made. */
export interface SocketEvents {
  readonly opened: () => void
  /** One binary message. The bytes are the receiver's to keep. */
  readonly received: (bytes: Uint8Array) => void
  /** RFC 6455 close code; 1006 when the connection broke or was never made. */
  readonly closed: (code: number, reason: string) => void
}

/** An outgoing WebSocket, reduced to what a client needs. */
export interface ClientSocket {
  readonly send: (bytes: Uint8Array<ArrayBuffer>) => void
  /** Starts the closing handshake; `closed` follows. */
  readonly close: (code: number, reason: string) => void
  /** Bytes handed to `send` that have not left the process yet. */
  readonly bufferedBytes: () => number
}

/** Opens a socket to a `ws:` or `wss:` URL. Never throws: a failure is a `closed` event. */
export type SocketFactory = (url: string, events: SocketEvents) => ClientSocket

/** The part of the browser's WebSocket constructor that is used; `ws` and Node's own have it too. */
export type WebSocketConstructor = new (url: string, protocols: ReadonlyArray<string> | string) => WebSocket

/** Sockets of the platform's WebSocket: the browser's, Node 22's, or any class of the same shape. */
export const webSocketFactory =
  (Socket: WebSocketConstructor = globalThis.WebSocket as WebSocketConstructor): SocketFactory =>
  (url, events) => {
    const socket = new Socket(url, subprotocol.msgpack)
    let isOver = false
    const over = (code: number, reason: string): void => {
      if (isOver) return
      isOver = true
      events.closed(code, reason)
    }
    socket.binaryType = "arraybuffer"
    socket.onopen = () => events.opened()
    socket.onmessage = (message: MessageEvent<unknown>) => {
      if (message.data instanceof ArrayBuffer) events.received(new Uint8Array(message.data))
    }
    // WHATWG has `close` with 1006 follow every `error`, but Node 22.23 sends no `close` when the connection was refused.
    socket.onerror = () => over(1006, "")
    socket.onclose = (close) => over(close.code, close.reason)
    return {
      send: (bytes) => {
        if (socket.readyState === 1) socket.send(bytes)
      },
      close: (code, reason) => socket.close(code, reason),
      bufferedBytes: () => socket.bufferedAmount
    }
  }
