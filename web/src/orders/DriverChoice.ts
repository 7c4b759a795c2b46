import { useEffect, useMemo, useState } from "react"
import type { FleetStatusName } from "../../../src/client/FleetRoster.ts"
import type { Page } from "../../../src/client/RestClient.ts"
import { distanceM } from "../../../src/domain/Geo.ts"
import type { FleetStore } from "../fleet/FleetStore.ts"
import type { Session } from "../fleet/Session.ts"
import type { BoardOrder } from "./BoardOrder.ts"

/** A driver who could be given an order. */
export interface Candidate {
  readonly id: string
  readonly name: string
  /** Undefined for a driver who is not in the map's view. */
  readonly status: FleetStatusName | undefined
  /** `on`, `break` or `off`, as far as it was told. */
  readonly duty: string | undefined
  /** From where the order is fetched; undefined when it is not known where the driver is. */
  readonly distanceM: number | undefined
  /** Open orders that the driver has. */
  readonly load: number
}

/** A driver with one order more is passed over for one who is so much farther away. Metres. */
export const loadWorthM = 1_000

interface NearbyAnswer {
  readonly driver_id: string
  readonly name: string
  readonly duty: string | null
  readonly lat: number
  readonly lng: number
}

const e7 = 1e7
const nearbyRadiusM = 50_000
const nearbyMax = 50
const foundMax = 20
const searchAfterMs = 250

/** How many open orders each driver has. */
export const loadsOf = (orders: Iterable<BoardOrder>): ReadonlyMap<string, number> => {
  const loads = new Map<string, number>()
  for (const { driver, ended_at } of orders)
    if (driver !== null && ended_at === null) loads.set(driver.id, (loads.get(driver.id) ?? 0) + 1)
  return loads
}

const rank = ({ status, duty, distanceM: metres, load }: Candidate): number => {
  // Who is on a break or away comes after everybody who works; of whom nothing is known, last.
  const away = status === "break" || status === "offline" || duty === "break" || duty === "off" ? 1e7 : 0
  return (metres ?? 1e9) + load * loadWorthM + away
}

const byRank = (a: Candidate, b: Candidate): number => rank(a) - rank(b) || (a.name < b.name ? -1 : 1)

interface KnownDriver {
  readonly name: string
  readonly duty?: string | null
  readonly lat?: number
  readonly lng?: number
}

type Known = ReadonlyMap<string, KnownDriver>

/** Drivers near the place, and those whom the server knows by these words. */
const useKnown = (session: Session, place: { lat: number; lng: number }, query: string): Known => {
  const [nearby, setNearby] = useState<Known>(new Map())
  const [found, setFound] = useState<Known>(new Map())
  const { lat, lng } = place
  useEffect(() => {
    let isCurrent = true
    const asked = { lat, lng, radius_m: nearbyRadiusM, limit: nearbyMax, include_stale: "true" }
    session.rest.get<Page<NearbyAnswer>>("/v1/drivers/nearby", asked).then(
      ({ data }) => {
        if (isCurrent) setNearby(new Map(data.map((driver) => [driver.driver_id, driver])))
      },
      // Those on the map can be chosen all the same.
      () => undefined
    )
    return () => {
      isCurrent = false
    }
  }, [session, lat, lng])
  useEffect(() => {
    setFound(new Map())
    if (query.trim() === "") return
    let isCurrent = true
    const timer = setTimeout(() => {
      session.rest.listDrivers({ q: query.trim(), limit: foundMax }).then(
        ({ data }) => {
          if (isCurrent) setFound(new Map(data.map((driver) => [driver.id, driver])))
        },
        () => undefined
      )
    }, searchAfterMs)
    return () => {
      isCurrent = false
      clearTimeout(timer)
    }
  }, [session, query])
  return useMemo(() => new Map([...found, ...nearby]), [found, nearby])
}

interface CandidateNeeds {
  readonly store: FleetStore
  readonly session: Session
  readonly place: { readonly lat: number; readonly lng: number }
  readonly orders: ReadonlyMap<string, BoardOrder>
  readonly query: string
}

/** Who could be given an order, the best first: near, with few orders, at work. */
export const useCandidates = ({ store, session, place, orders, query }: CandidateNeeds): ReadonlyArray<Candidate> => {
  const known = useKnown(session, place, query)
  // Not sorted anew with every move: rows must not change places under the mouse.
  return useMemo(() => {
    const loads = loadsOf(orders.values())
    const { roster } = store.client
    const inView = [...roster.drivers()].map(({ id, name, lat, lng }) => [id, { name, lat, lng }] as const)
    const dutyOf = (id: string): string | undefined => known.get(id)?.duty ?? undefined
    const words = query.toLocaleLowerCase().split(/\s+/).filter(Boolean)
    return [...new Map<string, KnownDriver>([...known, ...inView])]
      .filter(([, { name }]) => words.every((word) => name.toLocaleLowerCase().includes(word)))
      .map(([id, { name, lat, lng }]): Candidate => {
        const metres =
          lat === undefined || lng === undefined
            ? undefined
            : distanceM(lat * e7, lng * e7, place.lat * e7, place.lng * e7)
        return {
          id,
          name,
          status: roster.find(id)?.status,
          duty: dutyOf(id),
          distanceM: metres,
          load: loads.get(id) ?? 0
        }
      })
      .sort(byRank)
  }, [store, known, orders, query, place])
}
