import { useEffect, useMemo, useRef } from "react"
import { agoWords } from "../design/Age.ts"
import { revealRow, setHeight, setTop, useListWindow } from "../design/ListWindow.ts"
import { type BoardOrder, orderNumber, standingWords } from "./BoardOrder.ts"
import { stageLooks } from "./BoardStage.ts"
import { latenessOf } from "./Lateness.ts"
import { LatenessSign } from "./LatenessSign.tsx"
import { StageSign } from "./StageSign.tsx"
import type { ListedOrder } from "./useListedOrders.ts"

/** Heights of a row and of a part's heading, CSS pixels; the style sheet has the same. */
const rowPx = 80
const headPx = 34
/** So much is drawn beyond the edges, so that scrolling never shows a gap. CSS pixels. */
const sparePx = 480

interface BoardListProps {
  readonly orders: ReadonlyArray<ListedOrder>
  readonly selectedId: string | undefined
  /** Index of the row that the keyboard is at; -1 for none. */
  readonly active: number
  readonly nowMs: number
  readonly onSelect: (order: BoardOrder) => void
}

interface Placed {
  readonly listed: ListedOrder
  readonly index: number
  readonly topPx: number
  /** How many orders the part has; only before its first. */
  readonly headCount: number | undefined
}

const placed = (orders: ReadonlyArray<ListedOrder>): { readonly rows: ReadonlyArray<Placed>; readonly px: number } => {
  const counts = new Map<string, number>()
  for (const { stage } of orders) counts.set(stage, (counts.get(stage) ?? 0) + 1)
  let px = 0
  const rows = orders.map((listed, index): Placed => {
    const isFirst = orders[index - 1]?.stage !== listed.stage
    const topPx = px + (isFirst ? headPx : 0)
    px = topPx + rowPx
    return { listed, index, topPx, headCount: isFirst ? counts.get(listed.stage) : undefined }
  })
  return { rows, px }
}

/** The board's orders under the headings of their parts. Draws only what is in view, however many there are. */
export const BoardList = ({ orders, selectedId, active, nowMs, onSelect }: BoardListProps) => {
  const box = useRef<HTMLDivElement>(null)
  const view = useListWindow(box)
  const { rows, px } = useMemo(() => placed(orders), [orders])
  const activeTop = rows[active]?.topPx
  useEffect(() => {
    if (box.current !== null && activeTop !== undefined) revealRow(box.current, activeTop - headPx, rowPx + headPx)
  }, [activeTop])
  const isSeen = ({ topPx }: Placed): boolean =>
    topPx + rowPx > view.top - sparePx && topPx - headPx < view.top + view.height + sparePx
  return (
    <div className="list" ref={box}>
      <div
        id="order-list"
        className="list-rows"
        role="listbox"
        tabIndex={0}
        aria-label="Orders"
        aria-activedescendant={active < 0 ? undefined : `order-row-${active}`}
        data-rows={orders.length}
      >
        <div className="list-space" ref={(item) => setHeight(item, px)} />
        {rows.filter(isSeen).map((row) => (
          <BoardRow
            key={row.listed.order.id}
            row={row}
            count={orders.length}
            isActive={row.index === active}
            isSelected={row.listed.order.id === selectedId}
            nowMs={nowMs}
            onSelect={onSelect}
          />
        ))}
      </div>
    </div>
  )
}

interface BoardRowProps {
  readonly row: Placed
  readonly count: number
  readonly isActive: boolean
  readonly isSelected: boolean
  readonly nowMs: number
  readonly onSelect: (order: BoardOrder) => void
}

const pieceWords = (pieces: number): string => (pieces === 1 ? "1 piece" : `${pieces} pieces`)

const BoardRow = ({ row, count, isActive, isSelected, nowMs, onSelect }: BoardRowProps) => {
  const { order, stage } = row.listed
  const { line1, city } = order.address
  return (
    <>
      {row.headCount === undefined ? null : (
        <div className="board-head" aria-hidden="true" ref={(item) => setTop(item, row.topPx - headPx)}>
          <StageSign stage={stage} />
          {stageLooks[stage].label}
          <span className="legend-count">{row.headCount}</span>
        </div>
      )}
      {/* The keyboard works in the search field and in the list as a whole: aria-activedescendant names the row. */}
      <div
        id={`order-row-${row.index}`}
        role="option"
        aria-selected={isSelected}
        aria-posinset={row.index + 1}
        aria-setsize={count}
        tabIndex={-1}
        className={`board-row${isActive ? " row-active" : ""}`}
        data-stage={stage}
        ref={(item) => setTop(item, row.topPx)}
        onClick={() => onSelect(order)}
        onKeyDown={(event) => {
          if (event.key === "Enter") onSelect(order)
        }}
      >
        <span className="board-name">
          <strong>{orderNumber(order)}</strong> {order.customer_name ?? "No name"}
        </span>
        <LatenessSign lateness={latenessOf(order, nowMs)} />
        <span className="board-line">
          {line1}, {city}
        </span>
        <span className="board-age">{agoWords(nowMs - Date.parse(order.ended_at ?? order.created_at))}</span>
        <span className="board-line">
          <span className="visually-hidden">{stageLooks[stage].label}: </span>
          {standingWords(order)}
          {order.driver === null ? "" : ` · ${order.driver.name}`}
        </span>
        <span className="board-age">{pieceWords(order.pieces)}</span>
      </div>
    </>
  )
}
