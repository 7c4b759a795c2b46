import { useRef, useState, useSyncExternalStore } from "react"
import { Problem } from "../../../src/client/Problem.ts"
import type { FleetMap } from "./FleetMap.ts"
import type { FleetState, FleetStore } from "./FleetStore.ts"
import { go } from "./Route.ts"
import type { Session } from "./Session.ts"
import { useDriverName } from "./useDriverName.ts"
import { type ListedDriver, useListedDrivers } from "./useListedDrivers.ts"

/** What the dispatcher searches, walks through and chooses, by mouse and by keyboard. */
export const useFleetControls = (store: FleetStore, session: Session, map: FleetMap | undefined) => {
  const state: FleetState = useSyncExternalStore(store.subscribe, store.state)
  const [query, setQuery] = useState("")
  const [activeId, setActiveId] = useState<string>()
  const [hint, setHint] = useState<string>()
  const search = useRef<HTMLInputElement>(null)
  const drivers = useListedDrivers(store, session, state, query)
  const name = useDriverName(store, session, state.selectedId)
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
    go({ page: "fleet", driverId: driver.id })
    void show(driver.id, driver.name)
  }
  const back = (): void => {
    if (query !== "") setQuery("")
    else if (state.selectedId !== undefined) go({ page: "fleet", driverId: undefined })
    else search.current?.blur()
    setActiveId(undefined)
    setHint(undefined)
  }
  const keys = {
    search: () => search.current?.focus(),
    walk: (steps: number) => setActiveId(drivers[Math.max(0, Math.min(drivers.length - 1, active + steps))]?.id),
    choose: () => {
      const driver = drivers[Math.max(0, active)]
      if (driver !== undefined) choose(driver)
    },
    back
  }
  const ask = (text: string): void => {
    setQuery(text)
    setActiveId(undefined)
  }
  return { state, query, ask, drivers, active, search, choose, show, name, hint, keys }
}

/** What the parts of the console share. */
export type FleetControls = ReturnType<typeof useFleetControls>
