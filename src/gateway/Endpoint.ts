import type { Connection, SocketBehaviour } from "./Connection.ts"

/** One WebSocket path: how much its sockets may send at once and hold back, and what becomes of a new connection. */
export interface Endpoint {
  readonly path: "/v1/driver" | "/v1/track" | "/v1/fleet"
  readonly payloadBytesMax: number
  readonly backpressureBytesMax: number
  readonly open: (connection: Connection) => SocketBehaviour
}
