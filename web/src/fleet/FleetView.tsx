import { useEffect, useRef, useState } from "react"
import { useNow } from "../design/Connection.tsx"
import { BoardSide } from "../orders/BoardSide.tsx"
import { BoardStore } from "../orders/BoardStore.ts"
import { OrderStage } from "../orders/OrderStage.tsx"
import { type BoardControls, useBoardControls } from "../orders/useBoardControls.ts"
import { useRights } from "../orders/useOrder.ts"
import { FleetBar } from "./FleetBar.tsx"
import type { FleetMap } from "./FleetMap.ts"
import { FleetSide } from "./FleetSide.tsx"
import { FleetStage, MapStage } from "./FleetStage.tsx"
import type { FleetStore } from "./FleetStore.ts"
import { KeysDialog } from "./KeysDialog.tsx"
import { go, type Route, useRoute } from "./Route.ts"
import type { Session } from "./Session.ts"
import { type FleetControls, useFleetControls } from "./useFleetControls.ts"
import { useFleetMap } from "./useFleetMap.ts"
import { useKeys } from "./useKeys.ts"
import { useTrail } from "./useTrail.ts"

interface FleetViewProps {
  readonly store: FleetStore
  readonly session: Session
  readonly onSignOut: () => void
}

/** One board for as long as the console is open, whichever page is looked at. */
const useBoard = (store: FleetStore, session: Session): BoardStore => {
  const [board] = useState(() => new BoardStore(session, store))
  useEffect(() => {
    board.begin()
    return () => board.end()
  }, [board])
  return board
}

/** The address says which driver is chosen; a click on the map goes there. */
const useRoutedDriver = (
  route: Route,
  store: FleetStore,
  map: FleetMap | undefined,
  show: FleetControls["show"]
): void => {
  const driverId = route.page === "fleet" ? route.driverId : undefined
  // Whoever came by an address sees where it leads; a driver who is clicked is where one looks already.
  const isAddressed = useRef(driverId)
  useEffect(() => {
    if (route.page === "fleet") store.select(driverId)
  }, [store, route.page, driverId])
  useEffect(() => {
    if (map === undefined) return
    const { current } = isAddressed
    isAddressed.current = undefined
    if (current !== undefined) void show(current, "the driver")
  }, [map, show])
  useEffect(() => {
    if (map === undefined) return
    map.picked = (picked) => {
      // A click beside everything closes the driver, but never an order that is being worked on.
      if (picked !== undefined || route.page === "fleet") go({ page: "fleet", driverId: picked })
    }
  }, [map, route.page])
}

interface KeysNeeds {
  readonly route: Route
  readonly store: FleetStore
  readonly map: FleetMap | undefined
  readonly drivers: FleetControls
  readonly orders: BoardControls
  readonly onHelp: () => void
}

const usePageKeys = ({ route, store, map, drivers, orders, onHelp }: KeysNeeds): void =>
  useKeys({
    ...(route.page === "fleet" ? drivers.keys : orders.keys),
    follow: () => store.follow(!store.state().isFollowing),
    showAll: () => map?.showAll(),
    help: onHelp,
    fleet: () => go({ page: "fleet", driverId: undefined }),
    orders: () => go({ page: "orders", orderId: undefined }),
    newOrder: () => go({ page: "newOrder" })
  })

/** The console: the drivers or the orders beside the map, and what was chosen over it. */
export const FleetView = ({ store, session, onSignOut }: FleetViewProps) => {
  const container = useRef<HTMLDivElement>(null)
  const route = useRoute()
  const [isHelpOpen, setHelpOpen] = useState(false)
  useNow(1_000)
  const opened = useFleetMap(container, store)
  const map = opened === "failed" ? undefined : opened
  const drivers = useFleetControls(store, session, map)
  const board = useBoard(store, session)
  const serverNowMs = store.client.serverNowMs()
  const orders = useBoardControls(board, session, route, serverNowMs)
  const { connection, selectedId } = drivers.state
  const isLive = connection.state === "live"
  const rights = useRights(session, isLive && route.page !== "fleet")
  const trail = useTrail(store, session, map, selectedId, isLive)
  useRoutedDriver(route, store, map, drivers.show)
  usePageKeys({ route, store, map, drivers, orders, onHelp: () => setHelpOpen(true) })
  return (
    <div className={route.page === "fleet" ? "console" : "console console-orders"}>
      <FleetBar
        route={route}
        connection={connection}
        email={session.email}
        onHelp={() => setHelpOpen(true)}
        onSignOut={onSignOut}
      />
      {route.page === "fleet" ? (
        <FleetSide store={store} controls={drivers} />
      ) : (
        <BoardSide
          controls={orders}
          rights={rights}
          isLive={isLive}
          serverNowMs={serverNowMs}
          onRetry={() => board.want()}
        />
      )}
      <main className="stage">
        <MapStage container={container} map={opened} hint={drivers.hint} />
        {route.page === "fleet" ? (
          <FleetStage store={store} session={session} controls={drivers} trail={trail} />
        ) : (
          <OrderStage
            route={route}
            store={store}
            session={session}
            rights={rights}
            board={board}
            controls={orders}
            map={map}
          />
        )}
      </main>
      {isHelpOpen ? <KeysDialog onClose={() => setHelpOpen(false)} /> : null}
    </div>
  )
}
