import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react"
import { go, type Route } from "../fleet/Route.ts"
import type { Session } from "../fleet/Session.ts"
import type { BoardOrder } from "./BoardOrder.ts"
import type { BoardStage } from "./BoardStage.ts"
import type { BoardStore } from "./BoardStore.ts"
import { useListedOrders } from "./useListedOrders.ts"

/** Orders become late by time alone: the board is sorted anew so often. */
const lookEveryMs = 15_000

/** What the dispatcher searches, walks through and chooses on the board. */
export const useBoardControls = (store: BoardStore, session: Session, route: Route, serverNowMs: number) => {
  const state = useSyncExternalStore(store.subscribe, store.state)
  const [query, setQuery] = useState("")
  const [hidden, setHidden] = useState<ReadonlySet<BoardStage>>(new Set())
  const [isLateOnly, setLateOnly] = useState(false)
  const [activeId, setActiveId] = useState<string>()
  const search = useRef<HTMLInputElement>(null)
  const filters = useMemo(() => ({ query, hidden, isLateOnly }), [query, hidden, isLateOnly])
  const steadyNowMs = Math.floor(serverNowMs / lookEveryMs) * lookEveryMs
  const board = useListedOrders(session, state.orders, filters, steadyNowMs)
  const active = activeId === undefined ? -1 : board.listed.findIndex(({ order }) => order.id === activeId)
  const selectedId = route.page === "orders" ? route.orderId : undefined
  useEffect(() => {
    if (selectedId !== undefined) setActiveId(selectedId)
  }, [selectedId])

  const choose = (order: BoardOrder): void => {
    setActiveId(order.id)
    go({ page: "orders", orderId: order.id })
  }
  const close = (): void => {
    go({ page: "orders", orderId: undefined })
    document.getElementById("order-list")?.focus()
  }
  const toggle = (stage: BoardStage): void => {
    const next = new Set(hidden)
    if (!next.delete(stage)) next.add(stage)
    setHidden(next)
  }
  const keys = {
    search: () => search.current?.focus(),
    walk: (steps: number) =>
      setActiveId(board.listed[Math.max(0, Math.min(board.listed.length - 1, active + steps))]?.order.id),
    choose: () => {
      const listed = board.listed[Math.max(0, active)]
      if (listed !== undefined) choose(listed.order)
    },
    back: () => {
      if (route.page === "newOrder" || selectedId !== undefined) close()
      else if (query !== "") setQuery("")
      else search.current?.blur()
    }
  }
  const ask = (text: string): void => {
    setQuery(text)
    setActiveId(undefined)
  }
  return {
    state,
    board,
    query,
    ask,
    hidden,
    toggle,
    isLateOnly,
    setLateOnly,
    active,
    selectedId,
    search,
    choose,
    close,
    keys
  }
}

/** What the parts of the board share. */
export type BoardControls = ReturnType<typeof useBoardControls>
