import type { FleetDriver, FleetStatusName } from "../../../src/client/FleetRoster.ts"
import { statusLooks, statusOrder } from "./Status.ts"
import { StatusSign } from "./StatusSign.tsx"

interface LegendProps {
  readonly drivers: Iterable<FleetDriver>
  readonly hidden: ReadonlySet<FleetStatusName>
  readonly onToggle: (status: FleetStatusName) => void
}

/** What the signs mean, how many there are, and which are shown. */
export const Legend = ({ drivers, hidden, onToggle }: LegendProps) => {
  const counts = new Map<FleetStatusName, number>()
  for (const { status } of drivers) counts.set(status, (counts.get(status) ?? 0) + 1)
  return (
    <ul className="legend" aria-label="Filter by status">
      {statusOrder.map((status) => (
        <li key={status}>
          <button
            type="button"
            className="legend-item"
            aria-pressed={!hidden.has(status)}
            onClick={() => onToggle(status)}
          >
            <StatusSign status={status} />
            {statusLooks[status].label}
            <span className="legend-count">{counts.get(status) ?? 0}</span>
          </button>
        </li>
      ))}
    </ul>
  )
}
