import { type RefObject, useEffect, useRef, useState } from "react"
import { agoWords } from "../design/Age.ts"
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
  const [view, setView] = useState({ top: 0, height: 600 })
  useWindowOf(box, setView)
  useEffect(() => {
    const element = box.current
    if (element === null || active < 0) return
    if (active * rowPx < element.scrollTop) element.scrollTop = active * rowPx
    const bottom = (active + 1) * rowPx
    if (bottom > element.scrollTop + element.clientHeight) element.scrollTop = bottom - element.clientHeight
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

// Styles are set through the DOM, not as attributes: the page's policy allows no inline styles.
const setHeight = (item: HTMLElement | null, heightPx: number): void => {
  if (item !== null) item.style.height = `${heightPx}px`
}

const useWindowOf = (
  box: RefObject<HTMLDivElement | null>,
  setView: (view: { readonly top: number; readonly height: number }) => void
): void => {
  useEffect(() => {
    const element = box.current
    if (element === null) return
    const look = (): void => setView({ top: element.scrollTop, height: element.clientHeight })
    const resized = new ResizeObserver(look)
    resized.observe(element)
    element.addEventListener("scroll", look, { passive: true })
    return () => {
      resized.disconnect()
      element.removeEventListener("scroll", look)
    }
  }, [box, setView])
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
      ref={(item) => {
        if (item !== null) item.style.transform = `translateY(${index * rowPx}px)`
      }}
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
