import { useEffect, useRef } from "react"
import { agoWords } from "../design/Age.ts"
import { revealRow, setHeight, setTop, useListWindow } from "../design/ListWindow.ts"
import { fadeOf, statusLooks } from "./Status.ts"
import { StatusSign } from "./StatusSign.tsx"
import type { ListedDriver } from "./useListedDrivers.ts"

/** Height of a row, CSS pixels; the style sheet has the same. */
const rowPx = 52
/** Rows drawn beyond the edges, so that scrolling never shows a gap. */
const spareRows = 6

interface DriverListProps {
  readonly drivers: ReadonlyArray<ListedDriver>
  readonly selectedId: string | undefined
  /** Index of the row that the keyboard is at; -1 for none. */
  readonly active: number
  readonly serverNowMs: number
  readonly onSelect: (driver: ListedDriver) => void
}

/** Draws only the rows in view, however many drivers there are. */
export const DriverList = ({ drivers, selectedId, active, serverNowMs, onSelect }: DriverListProps) => {
  const box = useRef<HTMLDivElement>(null)
  const view = useListWindow(box)
  useEffect(() => {
    const element = box.current
    if (element === null || active < 0) return
    revealRow(element, active * rowPx, rowPx)
  }, [active])
  const first = Math.max(0, Math.floor(view.top / rowPx) - spareRows)
  const last = Math.min(drivers.length, Math.ceil((view.top + view.height) / rowPx) + spareRows)
  return (
    <div className="list" ref={box}>
      <div
        id="driver-list"
        className="list-rows"
        role="listbox"
        tabIndex={0}
        aria-label="Drivers"
        aria-activedescendant={active < 0 ? undefined : `driver-row-${active}`}
        data-rows={drivers.length}
      >
        <div className="list-space" ref={(item) => setHeight(item, drivers.length * rowPx)} />
        {drivers.slice(first, last).map((driver, i) => (
          <Row
            key={driver.id}
            driver={driver}
            index={first + i}
            count={drivers.length}
            isActive={first + i === active}
            isSelected={driver.id === selectedId}
            serverNowMs={serverNowMs}
            onSelect={onSelect}
          />
        ))}
      </div>
    </div>
  )
}

interface RowProps {
  readonly driver: ListedDriver
  readonly index: number
  readonly count: number
  readonly isActive: boolean
  readonly isSelected: boolean
  readonly serverNowMs: number
  readonly onSelect: (driver: ListedDriver) => void
}

const Row = ({ driver, index, count, isActive, isSelected, serverNowMs, onSelect }: RowProps) => {
  const { live } = driver
  const ageMs = live === undefined ? undefined : serverNowMs - live.recordedAt
  const fade = ageMs === undefined ? 2 : fadeOf(ageMs)
  return (
    // The keyboard works in the search field and in the list as a whole: aria-activedescendant names the row.
    <div
      id={`driver-row-${index}`}
      role="option"
      aria-selected={isSelected}
      aria-posinset={index + 1}
      aria-setsize={count}
      tabIndex={-1}
      className={`row${isActive ? " row-active" : ""}`}
      ref={(item) => setTop(item, index * rowPx)}
      onClick={() => onSelect(driver)}
      onKeyDown={(event) => {
        if (event.key === "Enter") onSelect(driver)
      }}
    >
      <StatusSign status={live?.status ?? "offline"} />
      <span className="row-name">{driver.name}</span>
      <span className="row-status">{live === undefined ? "Outside this view" : statusLooks[live.status].label}</span>
      <span className={`row-age row-age-${fade}`}>{ageMs === undefined ? "" : agoWords(ageMs)}</span>
    </div>
  )
}
