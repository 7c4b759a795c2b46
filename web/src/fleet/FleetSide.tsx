import { DriverList } from "./DriverList.tsx"
import type { FleetStore } from "./FleetStore.ts"
import { Legend } from "./Legend.tsx"
import type { FleetControls } from "./useFleetControls.ts"

interface FleetSideProps {
  readonly store: FleetStore
  readonly controls: FleetControls
}

/** Search, legend and list. */
export const FleetSide = ({ store, controls }: FleetSideProps) => {
  const { state, query, drivers, active } = controls
  const { roster } = store.client
  return (
    <aside className="side" aria-label="Fleet">
      <div className="side-head">
        <div className="side-title">
          <h1>Fleet</h1>
          <span className="muted" data-count={roster.size}>
            {roster.size.toLocaleString()} in view
          </span>
        </div>
        <div className="search">
          <input
            ref={controls.search}
            className="input"
            type="search"
            placeholder="Search drivers"
            aria-label="Search drivers"
            role="combobox"
            aria-expanded="true"
            aria-controls="driver-list"
            aria-activedescendant={active < 0 ? undefined : `driver-row-${active}`}
            value={query}
            onChange={(event) => controls.ask(event.target.value)}
          />
          <kbd title="The key / leads here">/</kbd>
        </div>
        <Legend drivers={roster.drivers()} hidden={state.hidden} onToggle={(status) => store.toggle(status)} />
      </div>
      {drivers.length === 0 && state.hasBegun ? (
        <p className="list-empty muted">
          {query === "" ? "No driver in this part of the map." : `No driver is called “${query}”.`}
        </p>
      ) : (
        <DriverList
          drivers={drivers}
          selectedId={state.selectedId}
          active={active}
          serverNowMs={store.client.serverNowMs()}
          onSelect={controls.choose}
        />
      )}
    </aside>
  )
}
