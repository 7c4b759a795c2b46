import { useEffect, useState } from "react"
import type { TrailView } from "./DriverPanel.tsx"
import type { FleetMap } from "./FleetMap.ts"
import type { FleetStore } from "./FleetStore.ts"
import type { Session } from "./Session.ts"
import { Trail } from "./Trail.ts"

/** The last hour of the selected driver, on the map and in words; asked for again after every reconnect. */
export const useTrail = (
  store: FleetStore,
  session: Session,
  map: FleetMap | undefined,
  selectedId: string | undefined,
  isLive: boolean
): TrailView => {
  const [view, setView] = useState<TrailView>({ kind: "loading" })
  useEffect(() => {
    if (selectedId !== undefined && isLive && map !== undefined) {
      let isCurrent = true
      Trail.load(session, selectedId, store.client.serverNowMs()).then(
        (trail) => {
          if (!isCurrent) return
          map.setTrail(trail)
          setView({ kind: "shown", trail })
        },
        () => {
          if (isCurrent) setView({ kind: "failed" })
        }
      )
      return () => {
        isCurrent = false
      }
    }
    if (selectedId !== undefined) return undefined
    map?.setTrail(undefined)
    setView({ kind: "loading" })
    return undefined
  }, [store, session, map, selectedId, isLive])
  return view.kind === "shown" && view.trail.driverId !== selectedId ? { kind: "loading" } : view
}
