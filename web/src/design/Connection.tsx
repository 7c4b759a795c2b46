import { useEffect, useState } from "react"
import type { StreamState } from "../../../src/client/StreamLink.ts"

/** What a page knows of its stream. */
export interface ConnectionView {
  readonly state: StreamState
  /** When the next try comes, in `performance.now()` milliseconds; only while waiting. */
  readonly retryAtMs: number | undefined
}

/** Re-renders `everyMs`, for words that age. */
export const useNow = (everyMs: number, isOn = true): number => {
  const [now, setNow] = useState(() => performance.now())
  useEffect(() => {
    if (!isOn) return
    const timer = setInterval(() => setNow(performance.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs, isOn])
  return now
}

const words = ({ state, retryAtMs }: ConnectionView, nowMs: number): string => {
  if (state === "live") return "Live"
  if (state === "offline") return "Offline: no network"
  if (state === "stopped") return "Signed out"
  if (state === "waiting" && retryAtMs !== undefined) {
    const seconds = Math.ceil((retryAtMs - nowMs) / 1_000)
    return seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting"
  }
  return "Connecting"
}

/** The stream's state, said honestly. */
export const Connection = ({ view }: { readonly view: ConnectionView }) => {
  const now = useNow(500, view.state === "waiting")
  const tone = view.state === "live" ? "live" : view.state === "stopped" ? "stopped" : "waiting"
  return (
    <span className={`connection connection-${tone}`} role="status" data-state={view.state}>
      {words(view, now)}
    </span>
  )
}
