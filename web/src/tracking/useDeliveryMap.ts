import { type RefObject, useEffect, useState } from "react"
import { openMap } from "../map/LiveMap.ts"
import { webConfig } from "../WebConfig.ts"
import { DeliveryMap } from "./DeliveryMap.ts"

/** The page's map, and whether the person has taken its camera. */
export const useDeliveryMap = (
  container: RefObject<HTMLDivElement | null>
): { readonly map: DeliveryMap | undefined; readonly isTheirs: boolean } => {
  const [map, setMap] = useState<DeliveryMap>()
  const [isTheirs, setTheirs] = useState(false)
  useEffect(() => {
    const element = container.current
    if (element === null) return
    let isCurrent = true
    let end = (): void => undefined
    const { mapStyleUrl: styleUrl } = webConfig()
    openMap({ container: element, styleUrl, hasScale: false, label: "Map of your delivery" }).then(
      (opened) => {
        if (!isCurrent) return opened.remove()
        const delivery = new DeliveryMap(opened.map, setTheirs)
        end = () => {
          delivery.end()
          opened.remove()
        }
        setMap(delivery)
      },
      // Without WebGL there is no map; the words say the same.
      () => undefined
    )
    return () => {
      isCurrent = false
      end()
    }
  }, [container])
  return { map, isTheirs }
}
