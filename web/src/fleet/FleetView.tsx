import { useRef, useState, useSyncExternalStore } from "react"
import { Problem } from "../../../src/client/Problem.ts"
import { Brand } from "../design/Brand.tsx"
import { Connection, useNow } from "../design/Connection.tsx"
import { DriverList } from "./DriverList.tsx"
import { DriverPanel } from "./DriverPanel.tsx"
import { EmptyFleet } from "./EmptyFleet.tsx"
import type { FleetStore } from "./FleetStore.ts"
import { KeysDialog } from "./KeysDialog.tsx"
import { Legend } from "./Legend.tsx"
import type { Session } from "./Session.ts"
import { useFleetMap } from "./useFleetMap.ts"
import { useKeys } from "./useKeys.ts"
import { type ListedDriver, useListedDrivers } from "./useListedDrivers.ts"
import { useTrail } from "./useTrail.ts"

interface FleetViewProps {
  readonly store: FleetStore
  readonly session: Session
  readonly onSignOut: () => void
}

/** The fleet: list, map, and the driver who was chosen. */
export const FleetView = ({ store, session, onSignOut }: FleetViewProps) => {
  const state = useSyncExternalStore(store.subscribe, store.state)
  const [query, setQuery] = useState("")
  const [activeId, setActiveId] = useState<string>()
  const [selectedName, setSelectedName] = useState("")
  const [hint, setHint] = useState<string>()
  const [isHelpOpen, setHelpOpen] = useState(false)
  const search = useRef<HTMLInputElement>(null)
  const container = useRef<HTMLDivElement>(null)
  const helpOpen = useRef(false)
  helpOpen.current = isHelpOpen
  useNow(1_000)
  const found = useFleetMap(container, store)
  const map = found === "failed" ? undefined : found
  const drivers = useListedDrivers(store, session, state, query)
  const active = activeId === undefined ? -1 : drivers.findIndex(({ id }) => id === activeId)
  const trail = useTrail(store, session, map, state.selectedId, state.connection.state === "live")
  const { selected } = store
  const serverNowMs = store.client.serverNowMs()

  const show = async (id: string, name: string): Promise<void> => {
    setHint(undefined)
    const live = store.client.roster.find(id)
    if (live !== undefined) return map?.goTo(live.lng, live.lat)
    try {
      const place = await session.rest.driverLocation(id)
      map?.goTo(place.lng, place.lat)
    } catch (cause) {
      const isUnknown = cause instanceof Problem && cause.status === 404
      setHint(isUnknown ? `${name} has not sent a position yet.` : `The position of ${name} could not be loaded.`)
    }
  }
  const choose = (driver: ListedDriver): void => {
    setActiveId(driver.id)
    setSelectedName(driver.name)
    store.select(driver.id)
    void show(driver.id, driver.name)
  }
  const back = (): void => {
    if (query !== "") setQuery("")
    else if (state.selectedId !== undefined) store.select(undefined)
    else search.current?.blur()
    setActiveId(undefined)
    setHint(undefined)
  }
  useKeys(
    {
      search: () => search.current?.focus(),
      walk: (steps) => setActiveId(drivers[Math.max(0, Math.min(drivers.length - 1, active + steps))]?.id),
      choose: () => {
        const driver = drivers[Math.max(0, active)]
        if (driver !== undefined) choose(driver)
      },
      back,
      follow: () => store.follow(!state.isFollowing),
      showAll: () => map?.showAll(),
      help: () => setHelpOpen(true)
    },
    helpOpen
  )

  const name = selected?.name ?? selectedName
  return (
    <div className="console">
      <header className="bar">
        <Brand />
        <Connection view={state.connection} />
        <span className="bar-space" />
        <button type="button" className="button button-quiet button-small" onClick={() => setHelpOpen(true)}>
          Keys <kbd>?</kbd>
        </button>
        <button type="button" className="button button-small" onClick={onSignOut} title={session.email}>
          Sign out
        </button>
      </header>
      <aside className="side" aria-label="Fleet">
        <div className="side-head">
          <div className="side-title">
            <h1>Fleet</h1>
            <span className="muted" data-count={store.client.roster.size}>
              {store.client.roster.size.toLocaleString()} in view
            </span>
          </div>
          <div className="search">
            <input
              ref={search}
              className="input"
              type="search"
              placeholder="Search drivers"
              aria-label="Search drivers"
              role="combobox"
              aria-expanded="true"
              aria-controls="driver-list"
              aria-activedescendant={active < 0 ? undefined : `driver-row-${active}`}
              value={query}
              onChange={(event) => {
                setQuery(event.target.value)
                setActiveId(undefined)
              }}
            />
            <kbd title="The key / leads here">/</kbd>
          </div>
          <Legend
            drivers={store.client.roster.drivers()}
            hidden={state.hidden}
            onToggle={(status) => store.toggle(status)}
          />
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
            serverNowMs={serverNowMs}
            onSelect={choose}
          />
        )}
      </aside>
      <main className="stage">
        <div ref={container} className="map" />
        {found === "failed" ? (
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
            driver={selected}
            trail={trail}
            serverNowMs={serverNowMs}
            isFollowing={state.isFollowing}
            onFollow={(isFollowing) => store.follow(isFollowing)}
            onShow={() => void show(state.selectedId ?? "", name)}
            onClose={() => store.select(undefined)}
          />
        )}
      </main>
      {isHelpOpen ? <KeysDialog onClose={() => setHelpOpen(false)} /> : null}
    </div>
  )
}
