import type { BackoffBounds } from "./Backoff.ts"
import type { ClientClock } from "./ClientClock.ts"
import type { DriverStore } from "./DriverStore.ts"
import type { LatencyHistogram } from "./LatencyHistogram.ts"
import type { SocketFactory } from "./SocketFactory.ts"
import type { TokenProvider } from "./TokenSource.ts"

/** What a driver app decides; all but the first two have defaults. */
export interface DriverClientOptions {
  /** `ws://host:port/v1/driver`, or `wss:`. */
  readonly url: string
  readonly token: TokenProvider
  readonly platform?: "ios" | "android" | "web" | "other"
  readonly appVersion?: string
  readonly capabilities?: ReadonlyArray<string>
  /** Keeps points and commands between two starts; without it they live in memory. */
  readonly store?: DriverStore
  readonly sockets?: SocketFactory
  readonly clock?: ClientClock
  /** Uniform in [0, 1). */
  readonly random?: () => number
  /** A new UUID, for deviceId and commandId. */
  readonly newId?: () => string
  readonly backoff?: BackoffBounds
  /** The longest a point waits for its batch to fill; 0 sends each at once. Milliseconds. */
  readonly holdMsMax?: number
  /** Points kept unacknowledged; `report` refuses more. */
  readonly queuePointsMax?: number
  /** A histogram to share between clients. */
  readonly ackLatency?: LatencyHistogram
}
