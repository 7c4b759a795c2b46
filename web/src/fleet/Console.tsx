import { useEffect, useState } from "react"
import { FleetStore } from "./FleetStore.ts"
import { FleetView } from "./FleetView.tsx"
import { Session } from "./Session.ts"
import { SignIn } from "./SignIn.tsx"

const session = new Session()

/** Why somebody who was signed in is asked to do so again. */
const reasonOf = (code: number | undefined): string | undefined => {
  if (code === undefined) return "You were signed out. Please sign in again."
  if (code === 4504) return "This account may not see the fleet: it takes a dispatcher or an administrator."
  if (code === 4509) return "Too many consoles are open for this account."
  return "The server ended the session. Please sign in again."
}

/** The dispatcher's app: signing in, then the fleet. */
export const Console = () => {
  const [isSignedIn, setSignedIn] = useState(session.email !== undefined)
  const [reason, setReason] = useState<string>()
  const [store, setStore] = useState<FleetStore>()

  useEffect(() => {
    if (!isSignedIn) return
    const opened = new FleetStore(session)
    setStore(opened)
    const stop = opened.subscribe(() => {
      const { stop: stopped } = opened.state()
      if (stopped === undefined || stopped.kind === "requested") return
      session.signOut()
      setReason(reasonOf(stopped.kind === "closed" ? stopped.code : undefined))
      setSignedIn(false)
    })
    return () => {
      stop()
      opened.end()
      setStore(undefined)
    }
  }, [isSignedIn])

  const signOut = (): void => {
    session.signOut()
    setReason(undefined)
    setSignedIn(false)
  }

  if (!isSignedIn) {
    return (
      <SignIn
        session={session}
        reason={reason}
        onSignedIn={() => {
          setReason(undefined)
          setSignedIn(true)
        }}
      />
    )
  }
  return store === undefined ? null : <FleetView store={store} session={session} onSignOut={signOut} />
}
