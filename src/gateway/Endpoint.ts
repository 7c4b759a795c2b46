import type { Effect } from "effect"
import type { Connection, SocketBehaviour } from "./Connection.ts"

/** One WebSocket path: how much its sockets may send at once and hold back, and what becomes of a new connection. */
export interface Endpoint {
  readonly path: "/v1/driver" | "/v1/track" | "/v1/fleet"
  readonly payloadBytesMax: number
  readonly backpressureBytesMax: number
  /** Judges the upgrade's header token where it is no access token: the code to answer 401 with, or undefined to let it in. */
  readonly judgeToken?: (token: string) => Effect.Effect<string | undefined>
  readonly open: (connection: Connection) => SocketBehaviour
}
