import { useRef, useState, useSyncExternalStore } from "react"
import { Problem } from "../../../src/client/Problem.ts"
import type { FleetMap } from "./FleetMap.ts"
import type { FleetState, FleetStore } from "./FleetStore.ts"
import type { Session } from "./Session.ts"
import { useKeys } from "./useKeys.ts"
import { type ListedDriver, useListedDrivers } from "./useListedDrivers.ts"

/** What the dispatcher searches, walks through and chooses, by mouse and by keyboard. */
export const useFleetControls = (store: FleetStore, session: Session, map: FleetMap | undefined) => {
  const state: FleetState = useSyncExternalStore(store.subscribe, store.state)
  const [query, setQuery] = useState("")
  const [activeId, setActiveId] = useState<string>()
  const [selectedName, setSelectedName] = useState("")
  const [hint, setHint] = useState<string>()
  const [isHelpOpen, setHelpOpen] = useState(false)
  const search = useRef<HTMLInputElement>(null)
  const helpOpen = useRef(false)
  helpOpen.current = isHelpOpen
  const drivers = useListedDrivers(store, session, state, query)
  const active = activeId === undefined ? -1 : drivers.findIndex(({ id }) => id === activeId)

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
  const ask = (text: string): void => {
    setQuery(text)
    setActiveId(undefined)
  }
  const name = store.selected?.name ?? selectedName
  return { state, query, ask, drivers, active, search, choose, show, name, hint, isHelpOpen, setHelpOpen }
}

/** What the parts of the console share. */
export type FleetControls = ReturnType<typeof useFleetControls>
