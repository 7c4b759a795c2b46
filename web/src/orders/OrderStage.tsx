import { useEffect, useRef } from "react"
import type { FleetMap } from "../fleet/FleetMap.ts"
import type { FleetStore } from "../fleet/FleetStore.ts"
import type { Route } from "../fleet/Route.ts"
import type { Session } from "../fleet/Session.ts"
import type { BoardStore } from "./BoardStore.ts"
import { NewOrderPanel, NoNewOrder } from "./NewOrderPanel.tsx"
import type { OrderPlaces } from "./OrderMarks.ts"
import { OrderPanel } from "./OrderPanel.tsx"
import { carrierOf, type OrderView } from "./OrderView.ts"
import { mayOrder, type Rights } from "./Rights.ts"
import type { BoardControls } from "./useBoardControls.ts"
import { type ChosenOrder, useOrder } from "./useOrder.ts"

interface OrderStageProps {
  readonly route: Route
  readonly store: FleetStore
  readonly session: Session
  /** Undefined until they are known. */
  readonly rights: Rights | undefined
  readonly board: BoardStore
  readonly controls: BoardControls
  readonly map: FleetMap | undefined
}

const placesOf = ({ order }: OrderView): OrderPlaces => ({
  pickup: order.pickup ?? undefined,
  dropoff: order.delivery_address
})

/** Marks the order on the map, with its driver and the driver's trail; and, once, brings them into view. */
const useOrderOnMap = (chosen: ChosenOrder | undefined, store: FleetStore, map: FleetMap | undefined): (() => void) => {
  const view = chosen?.kind === "shown" ? chosen.view : undefined
  const fitted = useRef<string>(undefined)
  const driverId = view === undefined ? undefined : carrierOf(view)?.id
  useEffect(() => store.select(driverId), [store, driverId])
  useEffect(() => {
    if (map === undefined || view === undefined) return
    map.mark(placesOf(view))
    // Later news of the same order leave the map where somebody may have moved it.
    if (fitted.current !== view.order.id) map.fit(placesOf(view))
    fitted.current = view.order.id
    return () => map.mark(undefined)
  }, [map, view])
  return () => {
    if (view !== undefined) map?.fit(placesOf(view))
  }
}

/** What lies over the map while the orders are looked at: the chosen one, or the form for another. */
export const OrderStage = ({ route, store, session, rights, board, controls, map }: OrderStageProps) => {
  const isLive = store.state().connection.state === "live"
  const id = controls.selectedId
  const changedAt = id === undefined ? undefined : controls.state.orders.get(id)?.changed_at
  const { chosen, ask } = useOrder({ store, session, rights, id, changedAt, isLive })
  const fit = useOrderOnMap(chosen, store, map)
  if (route.page === "newOrder" && rights !== undefined)
    return mayOrder(rights) ? (
      <NewOrderPanel session={session} map={map} onPlaced={() => board.want()} onClose={controls.close} />
    ) : (
      <NoNewOrder onClose={controls.close} />
    )
  if (chosen === undefined) return null
  return (
    <OrderPanel
      key={chosen.id}
      store={store}
      session={session}
      rights={rights}
      chosen={chosen}
      orders={controls.state.orders}
      nowMs={store.client.serverNowMs()}
      onChanged={() => {
        ask()
        board.want()
      }}
      onShow={fit}
      onClose={controls.close}
    />
  )
}
