import { timeWords } from "../design/Arrival.ts"
import { RouteLink } from "../fleet/RouteLink.tsx"
import { BoardList } from "./BoardList.tsx"
import { boardStages, stageLooks } from "./BoardStage.ts"
import { mayOrder, type Rights } from "./Rights.ts"
import { StageSign } from "./StageSign.tsx"
import type { BoardControls } from "./useBoardControls.ts"

interface BoardSideProps {
  readonly controls: BoardControls
  /** Undefined until they are known. */
  readonly rights: Rights | undefined
  readonly isLive: boolean
  readonly serverNowMs: number
  readonly onRetry: () => void
}

/** Search, filters and the board's orders. */
export const BoardSide = ({ controls, rights, isLive, serverNowMs, onRetry }: BoardSideProps) => {
  const { board, query, active, state } = controls
  return (
    <aside className="side" aria-label="Orders">
      <div className="side-head">
        <div className="side-title">
          <h1>Orders</h1>
          {rights === undefined || !mayOrder(rights) ? null : (
            <RouteLink to={{ page: "newOrder" }} className="button button-primary button-small">
              New order
            </RouteLink>
          )}
        </div>
        <div className="search">
          <input
            ref={controls.search}
            className="input"
            type="search"
            placeholder="Number, name, address, driver"
            aria-label="Search orders"
            role="combobox"
            aria-expanded={board.listed.length > 0}
            aria-controls="order-list"
            aria-activedescendant={active < 0 ? undefined : `order-row-${active}`}
            value={query}
            onChange={(event) => controls.ask(event.target.value)}
          />
          <kbd title="The key / leads here">/</kbd>
        </div>
        <BoardFilterList controls={controls} />
      </div>
      <BoardNote controls={controls} isLive={isLive} onRetry={onRetry} />
      {board.listed.length === 0 && state.kind === "shown" ? (
        <EmptyBoard controls={controls} />
      ) : (
        <BoardList
          orders={board.listed}
          selectedId={controls.selectedId}
          active={active}
          nowMs={serverNowMs}
          onSelect={controls.choose}
        />
      )}
    </aside>
  )
}

const BoardFilterList = ({ controls }: { readonly controls: BoardControls }) => {
  const { board, hidden, isLateOnly } = controls
  return (
    <ul className="legend" aria-label="Filter by stage">
      {boardStages.map((stage) => (
        <li key={stage}>
          <button
            type="button"
            className="legend-item"
            aria-pressed={!hidden.has(stage)}
            onClick={() => controls.toggle(stage)}
          >
            <StageSign stage={stage} />
            {stageLooks[stage].label}
            <span className="legend-count">{board.counts.get(stage) ?? 0}</span>
          </button>
        </li>
      ))}
      <li className="legend-wide">
        <button
          type="button"
          className="button button-small late-only"
          aria-pressed={isLateOnly}
          onClick={() => controls.setLateOnly(!isLateOnly)}
        >
          Late only <span className="legend-count">{board.lateCount}</span>
        </button>
      </li>
    </ul>
  )
}

/** Whether the board can be believed, said where it is looked at. */
const BoardNote = ({ controls, isLive, onRetry }: Omit<BoardSideProps, "serverNowMs" | "rights">) => {
  const { kind, isOld, isCut, asOfMs, orders } = controls.state
  if (kind === "failed")
    return (
      <div className="board-note notice notice-danger" role="alert">
        The orders could not be loaded.{" "}
        <button type="button" className="button button-small" onClick={onRetry}>
          Try again
        </button>
      </div>
    )
  const note =
    kind === "loading"
      ? "Loading the orders"
      : asOfMs !== undefined && (isOld || !isLive)
        ? `Not live. This is how it was at ${timeWords(asOfMs)}.`
        : isCut
          ? `Only the newest ${orders.size.toLocaleString()} orders are listed. A number finds the others.`
          : undefined
  return (
    <div role="status" className={note === undefined ? "visually-hidden" : "board-note notice"}>
      {note}
    </div>
  )
}

const EmptyBoard = ({ controls }: { readonly controls: BoardControls }) => {
  const { query, state, hidden, isLateOnly } = controls
  const isFiltered = hidden.size > 0 || isLateOnly
  if (query !== "")
    return <p className="list-empty muted">No open order matches “{query}”. A whole number or id finds older ones.</p>
  if (state.orders.size > 0 && isFiltered) return <p className="list-empty muted">The filters leave no order.</p>
  return (
    <div className="list-empty">
      <h2 className="section-title">No open orders</h2>
      <p className="muted">
        Orders appear here as soon as they are submitted: by customers, by <code>POST /v1/orders</code>, or by you.
      </p>
    </div>
  )
}
