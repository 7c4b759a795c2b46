import { useCallback, useEffect, useState } from "react"
import { Problem } from "../../../src/client/Problem.ts"
import type { FleetStore } from "../fleet/FleetStore.ts"
import type { Session } from "../fleet/Session.ts"
import { isThreadOther, loadOrder, type OrderView } from "./OrderView.ts"
import { loadRights, type Rights } from "./Rights.ts"

/** What is known of the chosen order. */
export type ChosenOrder =
  | { readonly kind: "loading" | "missing" | "failed"; readonly id: string }
  | { readonly kind: "shown"; readonly id: string; readonly view: OrderView; readonly isOld: boolean }

/** What can be done here, asked for until it is known. */
export const useRights = (session: Session, isLive: boolean): Rights | undefined => {
  const [rights, setRights] = useState<Rights>()
  useEffect(() => {
    if (!isLive) return
    let isCurrent = true
    loadRights(session).then(
      (known) => {
        if (isCurrent) setRights(known)
      },
      // Without it nothing is offered; the next connection asks again.
      () => undefined
    )
    return () => {
      isCurrent = false
    }
  }, [session, isLive])
  return rights
}

const gatherMs = 200

/** A number that rises when something happens to the order. */
const useEventCount = (store: FleetStore, orderId: string | undefined): number => {
  const [count, setCount] = useState(0)
  useEffect(() => {
    if (orderId === undefined) return
    let timer: ReturnType<typeof setTimeout> | undefined
    const stop = store.onEvent((event) => {
      if (event.orderId !== orderId) return
      timer ??= setTimeout(() => {
        timer = undefined
        setCount((before) => before + 1)
      }, gatherMs)
    })
    return () => {
      clearTimeout(timer)
      stop()
    }
  }, [store, orderId])
  return count
}

const lookEveryMs = 5_000

/** Looks after what no event tells: how far the others have read, and a payment that its processor has not answered. */
const useQuietNews = (session: Session, view: OrderView | undefined, isLive: boolean, ask: () => void): void => {
  useEffect(() => {
    if (view === undefined || !isLive) return
    const { order, payment, thread } = view
    const look = async (): Promise<void> => {
      if (document.hidden) return
      const isPending = payment?.payment.status === "pending"
      if (isPending || (thread !== undefined && (await isThreadOther(session, order.id, thread)))) ask()
    }
    // Without an answer it is looked again the next time.
    const timer = setInterval(() => void look().catch(() => undefined), lookEveryMs)
    return () => clearInterval(timer)
  }, [session, view, isLive, ask])
}

interface OrderNeeds {
  readonly store: FleetStore
  readonly session: Session
  readonly rights: Rights | undefined
  readonly id: string | undefined
  /** Another text when the board knows something newer. */
  readonly changedAt: string | undefined
  readonly isLive: boolean
}

/** The chosen order, asked for again whenever something happens to it; `ask` does so at once. */
export const useOrder = (needs: OrderNeeds): { readonly chosen: ChosenOrder | undefined; readonly ask: () => void } => {
  const { store, session, rights, id, changedAt, isLive } = needs
  const [chosen, setChosen] = useState<ChosenOrder>()
  const [asked, setAsked] = useState(0)
  const events = useEventCount(store, id)
  useEffect(() => {
    // A new count, or another time of change, is what makes it worth asking again.
    if (id === undefined || rights === undefined || !isLive || asked + events < 0 || changedAt === "") return
    let isCurrent = true
    loadOrder(session, rights.routes, id).then(
      (view) => {
        if (isCurrent) setChosen({ kind: "shown", id, view, isOld: false })
      },
      (cause) => {
        if (!isCurrent) return
        const isMissing = cause instanceof Problem && (cause.status === 404 || cause.status === 400)
        setChosen((before) => {
          if (isMissing) return { kind: "missing", id }
          return before?.kind === "shown" && before.id === id ? { ...before, isOld: true } : { kind: "failed", id }
        })
      }
    )
    return () => {
      isCurrent = false
    }
  }, [session, rights, id, changedAt, isLive, asked, events])
  const ask = useCallback(() => setAsked((before) => before + 1), [])
  useQuietNews(session, chosen?.kind === "shown" && chosen.id === id ? chosen.view : undefined, isLive, ask)
  if (id === undefined) return { chosen: undefined, ask }
  if (chosen?.id !== id) return { chosen: { kind: "loading", id }, ask }
  return { chosen: chosen.kind === "shown" && !isLive ? { ...chosen, isOld: true } : chosen, ask }
}
