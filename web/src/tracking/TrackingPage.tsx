import { useEffect, useRef, useState } from "react"
import type { TrackedOrder } from "../../../src/client/TrackingFrames.ts"
import { arrivalWords } from "../design/Arrival.ts"
import { Brand } from "../design/Brand.tsx"
import { Connection, useNow } from "../design/Connection.tsx"
import { Contents } from "./Contents.tsx"
import { DeliveryPin } from "./DeliveryPin.tsx"
import { DriverCard } from "./DriverCard.tsx"
import { serverAheadMs } from "./ServerClock.ts"
import { Steps } from "./Steps.tsx"
import { Timeline } from "./Timeline.tsx"
import { useDeliveryMap } from "./useDeliveryMap.ts"
import { type Tracking, useTracking } from "./useTracking.ts"
import { notValid, type StageWords, wordsOfPosition, wordsOfStage, wordsOfStop } from "./Words.ts"

/** The token stands after "#": browsers never send that part to anybody. */
const tokenOf = (): string => decodeURIComponent(location.hash.slice(1)).trim()

const useToken = (): string => {
  const [token, setToken] = useState(tokenOf)
  useEffect(() => {
    const changed = (): void => setToken(tokenOf())
    addEventListener("hashchange", changed)
    return () => removeEventListener("hashchange", changed)
  }, [])
  return token
}

/** A customer follows one delivery. */
export const TrackingPage = () => {
  const token = useToken()
  const tracking = useTracking(token)
  const { order, stop } = tracking
  if (token === "") return <Ending words={notValid} order={undefined} />
  // A delivery that is done stays on the page, whatever the link does afterwards.
  if (stop !== undefined) {
    const isDone = order?.stage === "done"
    return <Ending words={isDone ? wordsOfStage(order) : wordsOfStop(stop)} order={isDone ? order : undefined} />
  }
  return <Following tracking={tracking} />
}

const Ending = ({ words, order }: { readonly words: StageWords; readonly order: TrackedOrder | undefined }) => (
  <main className="ending">
    <div className="panel ending-panel">
      <Brand />
      <div role="status">
        <h1>{words.headline}</h1>
        <p className="muted">{words.detail}</p>
      </div>
      {order === undefined ? null : (
        <>
          <Contents order={order} />
          <Timeline events={order.timeline} />
        </>
      )}
    </div>
  </main>
)

const useServerNowMs = (): number => {
  const [aheadMs, setAheadMs] = useState(0)
  useEffect(() => void serverAheadMs().then(setAheadMs), [])
  useNow(1_000)
  return Date.now() + aheadMs
}

const Following = ({ tracking }: { readonly tracking: Tracking }) => {
  const { order, connection } = tracking
  const container = useRef<HTMLDivElement>(null)
  const { map, isTheirs } = useDeliveryMap(container)
  const serverNowMs = useServerNowMs()
  useEffect(() => {
    if (order !== undefined) map?.show(order)
  }, [map, order])
  const words = order === undefined ? undefined : wordsOfStage(order)
  return (
    <main className="follow">
      <div className="follow-map">
        <div ref={container} className="map" />
        <div className="follow-top">
          <span className="panel brand-chip">
            <Brand />
          </span>
          <Connection view={connection} />
        </div>
        {isTheirs ? (
          <button type="button" className="button button-small panel recentre" onClick={() => map?.recentre()}>
            Centre
          </button>
        ) : null}
      </div>
      <div className="sheet">
        <div aria-live="polite" aria-atomic="true" className="sheet-head" data-stage={order?.stage}>
          <h1>{words?.headline ?? "Finding your delivery"}</h1>
          <p className="muted">{words?.detail ?? "One moment."}</p>
        </div>
        {/* There before the PIN is: only what changes inside is announced. */}
        <div role="status" className="door-pin-place">
          {order?.deliveryPin === undefined ? null : <DeliveryPin order={order} pin={order.deliveryPin} />}
        </div>
        {order === undefined ? null : (
          <OrderFacts order={order} serverNowMs={serverNowMs} isLive={connection.state === "live"} />
        )}
      </div>
    </main>
  )
}

interface OrderFactsProps {
  readonly order: TrackedOrder
  readonly serverNowMs: number
  readonly isLive: boolean
}

const OrderFacts = ({ order, serverNowMs, isLive }: OrderFactsProps) => {
  const positionNote = wordsOfPosition(order, serverNowMs)
  // What was expected before the connection was lost may be long wrong.
  const arrival = isLive && order.eta !== undefined ? arrivalWords(order.eta, serverNowMs) : undefined
  return (
    <>
      <Steps stage={order.stage} />
      {arrival === undefined ? null : (
        <p className="eta">
          <span className="muted">Expected</span> <strong>{arrival}</strong>
        </p>
      )}
      {positionNote === undefined ? null : <p className="notice">{positionNote}</p>}
      {order.driver === undefined ? null : <DriverCard driver={order.driver} />}
      <Contents order={order} />
      <Timeline events={order.timeline} />
      <p className="privacy muted">
        Only people with this link see this page. The driver's position is shared during the drive to you, and not
        after.
      </p>
    </>
  )
}
