import { useRef } from "react"
import { Brand } from "../design/Brand.tsx"
import { Connection, useNow } from "../design/Connection.tsx"
import { DriverPanel } from "./DriverPanel.tsx"
import { EmptyFleet } from "./EmptyFleet.tsx"
import { FleetSide } from "./FleetSide.tsx"
import type { FleetStore } from "./FleetStore.ts"
import { KeysDialog } from "./KeysDialog.tsx"
import type { Session } from "./Session.ts"
import { useDeliveries } from "./useDeliveries.ts"
import { useFleetControls } from "./useFleetControls.ts"
import { useFleetMap } from "./useFleetMap.ts"
import { useTrail } from "./useTrail.ts"

interface FleetViewProps {
  readonly store: FleetStore
  readonly session: Session
  readonly onSignOut: () => void
}

/** The fleet: list, map, and the driver who was chosen. */
export const FleetView = ({ store, session, onSignOut }: FleetViewProps) => {
  const container = useRef<HTMLDivElement>(null)
  useNow(1_000)
  const opened = useFleetMap(container, store)
  const map = opened === "failed" ? undefined : opened
  const controls = useFleetControls(store, session, map)
  const { state, name, hint } = controls
  const trail = useTrail(store, session, map, state.selectedId, state.connection.state === "live")
  const deliveries = useDeliveries(session, state.selectedId, state.connection.state === "live")
  return (
    <div className="console">
      <header className="bar">
        <Brand />
        <Connection view={state.connection} />
        <span className="bar-space" />
        <button type="button" className="button button-quiet button-small" onClick={() => controls.setHelpOpen(true)}>
          Keys <kbd>?</kbd>
        </button>
        <button type="button" className="button button-small" onClick={onSignOut} title={session.email}>
          Sign out
        </button>
      </header>
      <FleetSide store={store} controls={controls} />
      <main className="stage">
        <div ref={container} className="map" />
        {opened === "failed" ? (
          <p className="panel notice map-note">This browser cannot draw the map (WebGL is off).</p>
        ) : null}
        {state.hasBegun && !state.hasDrivers ? <EmptyFleet /> : null}
        {hint === undefined ? null : (
          <p className="panel notice map-note" role="status">
            {hint}
          </p>
        )}
        <button type="button" className="button button-small panel show-all" onClick={() => map?.showAll()}>
          Whole fleet
        </button>
        {state.selectedId === undefined ? null : (
          <DriverPanel
            name={name}
            driver={store.selected}
            trail={trail}
            deliveries={deliveries}
            serverNowMs={store.client.serverNowMs()}
            isFollowing={state.isFollowing}
            onFollow={(isFollowing) => store.follow(isFollowing)}
            onShow={() => void controls.show(state.selectedId ?? "", name)}
            onClose={() => store.select(undefined)}
          />
        )}
      </main>
      {controls.isHelpOpen ? <KeysDialog onClose={() => controls.setHelpOpen(false)} /> : null}
    </div>
  )
}
