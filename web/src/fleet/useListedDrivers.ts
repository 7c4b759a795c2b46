import { useEffect, useMemo, useState } from "react"
import type { FleetDriver } from "../../../src/client/FleetRoster.ts"
import type { FleetState, FleetStore } from "./FleetStore.ts"
import type { Session } from "./Session.ts"

/** A row of the list. */
export interface ListedDriver {
  readonly id: string
  readonly name: string
  /** Undefined for a driver who is not in the map's view. */
  readonly live: FleetDriver | undefined
}

const searchAfterMs = 250
const searchCharsMin = 2
const foundMax = 20

const byName = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" })

const matches = (name: string, words: ReadonlyArray<string>): boolean => {
  const lower = name.toLocaleLowerCase()
  return words.every((word) => lower.includes(word))
}

/** Drivers whom the server knows by these words, wherever they are. */
const useFound = (session: Session, query: string): ReadonlyArray<{ readonly id: string; readonly name: string }> => {
  const [found, setFound] = useState<ReadonlyArray<{ readonly id: string; readonly name: string }>>([])
  useEffect(() => {
    setFound([])
    if (query.trim().length < searchCharsMin) return
    let isCurrent = true
    const timer = setTimeout(() => {
      session.rest.listDrivers({ q: query.trim(), limit: foundMax }).then(
        ({ data }) => {
          if (isCurrent) setFound(data)
        },
        // The drivers in view are listed whether the server answers or not; the connection's sign says why it does not.
        () => undefined
      )
    }, searchAfterMs)
    return () => {
      isCurrent = false
      clearTimeout(timer)
    }
  }, [session, query])
  return found
}

/** The list as searched and filtered: drivers in view by name, then others whom the server knows by that name. */
export const useListedDrivers = (
  store: FleetStore,
  session: Session,
  state: FleetState,
  query: string
): ReadonlyArray<ListedDriver> => {
  const found = useFound(session, query)
  const { round, hidden } = state
  return useMemo(() => {
    // Drivers change in place; a new round or filter is what makes them worth listing again.
    if (round < 0 || hidden === undefined) return []
    const words = query.toLocaleLowerCase().split(/\s+/).filter(Boolean)
    const inView = store
      .shown()
      .filter(({ name }) => matches(name, words))
      .sort((a, b) => byName.compare(a.name, b.name) || (a.id < b.id ? -1 : 1))
      .map((live) => ({ id: live.id, name: live.name, live }))
    const elsewhere = found
      .filter(({ id }) => store.client.roster.find(id) === undefined)
      .map(({ id, name }) => ({ id, name, live: undefined }))
    return [...inView, ...elsewhere]
  }, [store, round, hidden, query, found])
}
