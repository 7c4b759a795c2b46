import { useEffect, useState } from "react"
import type { Page } from "../../../src/client/RestClient.ts"
import type { Session } from "./Session.ts"

/** A shipment that a driver has, as the API tells it. */
export interface Delivery {
  readonly id: string
  readonly order_id: string
  readonly status: string
  /** The committed estimate; null when nobody watches, or the driver is not on the way. */
  readonly eta: { readonly p50_at: string; readonly p90_at: string } | null
}

/** What is known of the selected driver's deliveries. */
export type DeliveriesView =
  | { readonly kind: "loading" | "failed" }
  | { readonly kind: "shown"; readonly driverId: string; readonly deliveries: ReadonlyArray<Delivery> }

const askEveryMs = 15_000
const deliveriesMax = 20

/** What the selected driver has to deliver; asked for again while the console is connected. */
export const useDeliveries = (session: Session, selectedId: string | undefined, isLive: boolean): DeliveriesView => {
  const [view, setView] = useState<DeliveriesView>({ kind: "loading" })
  useEffect(() => {
    if (selectedId === undefined || !isLive) return
    let isCurrent = true
    const ask = (): void =>
      void session.rest.get<Page<Delivery>>("/v1/shipments", { driver_id: selectedId, limit: deliveriesMax }).then(
        ({ data }) => {
          if (isCurrent) setView({ kind: "shown", driverId: selectedId, deliveries: data })
        },
        () => {
          if (isCurrent) setView({ kind: "failed" })
        }
      )
    ask()
    const timer = setInterval(ask, askEveryMs)
    return () => {
      isCurrent = false
      clearInterval(timer)
    }
  }, [session, selectedId, isLive])
  return view.kind === "shown" && view.driverId !== selectedId ? { kind: "loading" } : view
}
