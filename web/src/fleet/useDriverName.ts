import { useEffect, useState } from "react"
import type { FleetStore } from "./FleetStore.ts"
import type { Session } from "./Session.ts"

/** What a driver is called, also one who is not in the map's view. */
export const useDriverName = (store: FleetStore, session: Session, id: string | undefined): string => {
  const [known, setKnown] = useState({ id: "", name: "" })
  const inView = id === undefined ? undefined : store.client.roster.find(id)?.name
  const isAsked = id !== undefined && inView === undefined && known.id !== id
  useEffect(() => {
    if (!isAsked || id === undefined) return
    let isCurrent = true
    session.rest.get<{ readonly name: string }>(`/v1/drivers/${id}`).then(
      ({ name }) => {
        if (isCurrent) setKnown({ id, name })
      },
      // The connection's sign says why; the panel does without the name.
      () => undefined
    )
    return () => {
      isCurrent = false
    }
  }, [session, id, isAsked])
  useEffect(() => {
    if (id !== undefined && inView !== undefined) setKnown({ id, name: inView })
  }, [id, inView])
  return inView ?? (known.id === id && known.name !== "" ? known.name : "Driver")
}
