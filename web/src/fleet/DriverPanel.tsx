import type { FleetDriver } from "../../../src/client/FleetRoster.ts"
import { agoWords } from "../design/Age.ts"
import { CloseButton } from "../design/Dialog.tsx"
import { Deliveries } from "./Deliveries.tsx"
import { fadeOf, statusLooks } from "./Status.ts"
import { StatusSign } from "./StatusSign.tsx"
import type { Trail } from "./Trail.ts"
import type { DeliveriesView } from "./useDeliveries.ts"

/** What is known of the driver's trail. */
export type TrailView = { readonly kind: "loading" | "failed" } | { readonly kind: "shown"; readonly trail: Trail }

interface DriverPanelProps {
  readonly name: string
  /** Undefined while the driver is outside the map's view, or gone from it. */
  readonly driver: FleetDriver | undefined
  readonly trail: TrailView
  readonly deliveries: DeliveriesView
  readonly serverNowMs: number
  readonly isFollowing: boolean
  readonly onFollow: (isFollowing: boolean) => void
  readonly onShow: () => void
  readonly onClose: () => void
}

const compass = ["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"]

const headingWords = (headingDeg: number | undefined): string =>
  headingDeg === undefined ? "" : ` ${compass[Math.round(headingDeg / 45) % 8]}`

const speedWords = (driver: FleetDriver, trail: TrailView): string => {
  const speedMps = trail.kind === "shown" ? trail.trail.speedMps : undefined
  if (speedMps === undefined) return "Not known"
  const kmh = Math.round(speedMps * 3.6)
  return kmh < 2 ? "Standing" : `${kmh} km/h${headingWords(driver.headingDeg)}`
}

const trailWords: Readonly<Record<TrailView["kind"], string>> = {
  loading: "Loading",
  failed: "Could not be loaded",
  shown: "Shown on the map"
}

/** Everything about the selected driver. */
export const DriverPanel = (props: DriverPanelProps) => {
  const { name, driver, trail, deliveries, serverNowMs, isFollowing, onFollow, onShow, onClose } = props
  const ageMs = driver === undefined ? 0 : serverNowMs - driver.recordedAt
  return (
    <section className="panel details" aria-label={`Driver ${name}`}>
      <header className="details-head">
        <h2>{name}</h2>
        <CloseButton label="Close details" onClick={onClose} />
      </header>
      {driver === undefined ? (
        <p className="notice">Not in this part of the map now.</p>
      ) : (
        <dl className="facts">
          <div>
            <dt>Status</dt>
            <dd>
              <StatusSign status={driver.status} /> {statusLooks[driver.status].label}
            </dd>
          </div>
          <div>
            <dt>Position</dt>
            <dd className={`row-age-${fadeOf(ageMs)}`}>{agoWords(ageMs)}</dd>
          </div>
          <div>
            <dt>Speed</dt>
            <dd>{speedWords(driver, trail)}</dd>
          </div>
          <div>
            <dt>Last hour</dt>
            <dd>{trailWords[trail.kind]}</dd>
          </div>
          <Deliveries view={deliveries} serverNowMs={serverNowMs} />
        </dl>
      )}
      <div className="details-actions">
        <button
          type="button"
          className="button button-small"
          aria-pressed={isFollowing}
          disabled={driver === undefined}
          onClick={() => onFollow(!isFollowing)}
        >
          {isFollowing ? "Following" : "Follow"}
        </button>
        <button type="button" className="button button-small" onClick={onShow}>
          Show on map
        </button>
      </div>
    </section>
  )
}
