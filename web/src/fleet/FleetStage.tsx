import type { RefObject } from "react"
import { DriverPanel, type TrailView } from "./DriverPanel.tsx"
import { EmptyFleet } from "./EmptyFleet.tsx"
import type { FleetMap } from "./FleetMap.ts"
import type { FleetStore } from "./FleetStore.ts"
import { go } from "./Route.ts"
import type { Session } from "./Session.ts"
import { useDeliveries } from "./useDeliveries.ts"
import type { FleetControls } from "./useFleetControls.ts"

interface MapStageProps {
  readonly container: RefObject<HTMLDivElement | null>
  readonly map: FleetMap | "failed" | undefined
  readonly hint: string | undefined
}

/** The map itself, and what it has to say. */
export const MapStage = ({ container, map, hint }: MapStageProps) => (
  <>
    <div ref={container} className="map" />
    {map === "failed" ? (
      <p className="panel notice map-note">This browser cannot draw the map (WebGL is off).</p>
    ) : null}
    {hint === undefined ? null : (
      <p className="panel notice map-note" role="status">
        {hint}
      </p>
    )}
    <button
      type="button"
      className="button button-small panel show-all"
      onClick={() => (map === "failed" ? undefined : map?.showAll())}
    >
      Whole fleet
    </button>
  </>
)

interface FleetStageProps {
  readonly store: FleetStore
  readonly session: Session
  readonly controls: FleetControls
  readonly trail: TrailView
}

/** What lies over the map while the drivers are looked at. */
export const FleetStage = ({ store, session, controls, trail }: FleetStageProps) => {
  const { state, name } = controls
  const deliveries = useDeliveries(session, state.selectedId, state.connection.state === "live")
  return (
    <>
      {state.hasBegun && !state.hasDrivers ? <EmptyFleet /> : null}
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
          onClose={() => go({ page: "fleet", driverId: undefined })}
        />
      )}
    </>
  )
}
