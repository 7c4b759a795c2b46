import { type RefObject, useEffect, useState } from "react"
import { openMap } from "../map/LiveMap.ts"
import { webConfig } from "../WebConfig.ts"
import { FleetMap } from "./FleetMap.ts"
import type { FleetStore } from "./FleetStore.ts"

/** A map in the element for as long as the component lives; undefined until it is ready, "failed" where nothing can be drawn. */
export const useFleetMap = (
  container: RefObject<HTMLDivElement | null>,
  store: FleetStore
): FleetMap | "failed" | undefined => {
  const [fleetMap, setFleetMap] = useState<FleetMap | "failed">()
  useEffect(() => {
    const element = container.current
    if (element === null) return
    let isCurrent = true
    let end = (): void => undefined
    const { mapStyleUrl: styleUrl } = webConfig()
    openMap({ container: element, styleUrl, hasScale: true, label: "Map of the fleet" }).then(
      ({ map, remove }) => {
        if (!isCurrent) return remove()
        const opened = new FleetMap(map, store)
        end = () => {
          opened.end()
          remove()
        }
        setFleetMap(opened)
      },
      // Without WebGL there is no map; the list works all the same.
      () => setFleetMap("failed")
    )
    return () => {
      isCurrent = false
      end()
    }
  }, [container, store])
  return fleetMap
}
