import { useEffect, useState } from "react"
import type { StopReason } from "../../../src/client/DriverEvents.ts"
import { TrackingClient } from "../../../src/client/TrackingClient.ts"
import type { TrackedOrder } from "../../../src/client/TrackingFrames.ts"
import type { ConnectionView } from "../design/Connection.tsx"
import { streamUrl } from "../WebConfig.ts"

/** What the page knows. */
export interface Tracking {
  readonly order: TrackedOrder | undefined
  readonly connection: ConnectionView
  readonly stop: StopReason | undefined
}

const beginning: Tracking = {
  order: undefined,
  connection: { state: "connecting", retryAtMs: undefined },
  stop: undefined
}

/** Follows an order by its token. */
export const useTracking = (token: string): Tracking => {
  const [tracking, setTracking] = useState(beginning)
  useEffect(() => {
    setTracking(beginning)
    if (token === "") return
    const change = (to: Partial<Tracking>): void => setTracking((before) => ({ ...before, ...to }))
    const client = new TrackingClient(
      { url: streamUrl("/v1/track"), token },
      {
        state: (state, stop) => {
          if (stop?.kind !== "requested") change({ connection: { state, retryAtMs: undefined }, stop })
        },
        lost: ({ retryInMs }) => change({ connection: { state: "waiting", retryAtMs: performance.now() + retryInMs } }),
        changed: (order) => change({ order })
      }
    )
    const offline = (): void => client.offline()
    const online = (): void => client.online()
    client.start()
    if (!navigator.onLine) client.offline()
    addEventListener("offline", offline)
    addEventListener("online", online)
    return () => {
      removeEventListener("offline", offline)
      removeEventListener("online", online)
      client.stop()
    }
  }, [token])
  return tracking
}
