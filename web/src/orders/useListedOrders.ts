import { useEffect, useMemo, useState } from "react"
import { Problem } from "../../../src/client/Problem.ts"
import type { Page } from "../../../src/client/RestClient.ts"
import type { Session } from "../fleet/Session.ts"
import { type BoardOrder, standingWords } from "./BoardOrder.ts"
import { type BoardStage, boardStages, byUrgency, stageOf } from "./BoardStage.ts"
import { latenessOf } from "./Lateness.ts"
import type { OrderAnswer } from "./OrderAnswer.ts"
import { boardOrderOf } from "./OrderAnswer.ts"

/** A row of the board. */
export interface ListedOrder {
  readonly order: BoardOrder
  readonly stage: BoardStage
}

/** What of the board is shown. */
export interface BoardFilters {
  readonly query: string
  readonly hidden: ReadonlySet<BoardStage>
  readonly isLateOnly: boolean
}

const searchAfterMs = 300
const searchCharsMin = 3

const wordsOf = (order: BoardOrder): string =>
  [
    order.id,
    order.shipment_id,
    order.external_id,
    order.customer_name,
    order.address.line1,
    order.driver?.name,
    standingWords(order)
  ]
    .filter(Boolean)
    .join(" ")
    .toLocaleLowerCase()

const orderOfShipment = (session: Session, id: string): Promise<string> =>
  session.rest.get<{ readonly order_id: string }>(`/v1/shipments/${id}`).then(({ order_id }) => order_id)

const askFor = async (session: Session, text: string): Promise<ReadonlyArray<OrderAnswer>> => {
  const byId = text.startsWith("shp_")
    ? await orderOfShipment(session, text)
    : text.startsWith("ord_")
      ? text
      : undefined
  if (byId !== undefined) return [await session.rest.get<OrderAnswer>(`/v1/orders/${byId}`)]
  const { data } = await session.rest.get<Page<OrderAnswer>>("/v1/orders", { external_id: text, limit: 20 })
  return data
}

/** Orders that the board does not hold, by their whole id or the shop's number. */
const useFound = (session: Session, query: string): ReadonlyArray<BoardOrder> => {
  const [found, setFound] = useState<ReadonlyArray<BoardOrder>>([])
  useEffect(() => {
    setFound([])
    const text = query.trim()
    if (text.length < searchCharsMin) return
    let isCurrent = true
    const timer = setTimeout(() => {
      askFor(session, text).then(
        (orders) => {
          if (isCurrent) setFound(orders.map(boardOrderOf))
        },
        (cause) => {
          // Half an id is no id: nothing is found. Everything else the connection's sign tells.
          if (!(cause instanceof Problem) && isCurrent) setFound([])
        }
      )
    }, searchAfterMs)
    return () => {
      isCurrent = false
      clearTimeout(timer)
    }
  }, [session, query])
  return found
}

/** The board as it is listed: how many each part holds, and the orders that the search and the filters leave, in the parts' order. */
export interface ListedBoard {
  readonly listed: ReadonlyArray<ListedOrder>
  readonly counts: ReadonlyMap<BoardStage, number>
  readonly lateCount: number
}

const isLate = (order: BoardOrder, nowMs: number): boolean =>
  order.ended_at === null && latenessOf(order, nowMs)?.kind === "late"

const listedBoard = (orders: Iterable<BoardOrder>, filters: BoardFilters, nowMs: number): ListedBoard => {
  const words = filters.query.toLocaleLowerCase().split(/\s+/).filter(Boolean)
  const parts = new Map<BoardStage, Array<BoardOrder>>()
  const counts = new Map<BoardStage, number>()
  let lateCount = 0
  for (const order of orders) {
    const stage = stageOf(order, nowMs)
    if (stage === undefined) continue
    counts.set(stage, (counts.get(stage) ?? 0) + 1)
    const late = isLate(order, nowMs)
    if (late) lateCount++
    if (filters.hidden.has(stage) || (filters.isLateOnly && !late)) continue
    if (words.length > 0 && !words.every((word) => wordsOf(order).includes(word))) continue
    const part = parts.get(stage) ?? []
    part.push(order)
    parts.set(stage, part)
  }
  const listed = boardStages.flatMap((stage) =>
    (parts.get(stage) ?? []).sort(byUrgency(stage)).map((order) => ({ order, stage }))
  )
  return { listed, counts, lateCount }
}

/** Lists the board's orders; `nowMs` moves orders that become late, so it is looked at once in a while. */
export const useListedOrders = (
  session: Session,
  orders: ReadonlyMap<string, BoardOrder>,
  filters: BoardFilters,
  nowMs: number
): ListedBoard => {
  const found = useFound(session, filters.query)
  const board = useMemo(() => listedBoard(orders.values(), filters, nowMs), [orders, filters, nowMs])
  return useMemo(() => {
    const elsewhere = found
      .filter(({ id }) => !board.listed.some(({ order }) => order.id === id))
      .map((order) => ({ order, stage: stageOf(order, nowMs) ?? ("done" as const) }))
    return { ...board, listed: [...board.listed, ...elsewhere] }
  }, [board, found, nowMs])
}
