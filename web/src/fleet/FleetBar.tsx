import { Brand } from "../design/Brand.tsx"
import { Connection, type ConnectionView } from "../design/Connection.tsx"
import type { Route } from "./Route.ts"
import { RouteLink } from "./RouteLink.tsx"

interface FleetBarProps {
  readonly route: Route
  readonly connection: ConnectionView
  readonly email: string | undefined
  readonly onHelp: () => void
  readonly onSignOut: () => void
}

/** What stands above everything: where one is, whether it is live, and the way out. */
export const FleetBar = ({ route, connection, email, onHelp, onSignOut }: FleetBarProps) => (
  <header className="bar">
    <Brand />
    <nav className="tabs" aria-label="Console">
      <RouteLink to={{ page: "fleet", driverId: undefined }} className="tab" isCurrent={route.page === "fleet"}>
        Fleet
      </RouteLink>
      <RouteLink to={{ page: "orders", orderId: undefined }} className="tab" isCurrent={route.page !== "fleet"}>
        Orders
      </RouteLink>
    </nav>
    <Connection view={connection} />
    <span className="bar-space" />
    <button type="button" className="button button-quiet button-small" onClick={onHelp}>
      Keys <kbd>?</kbd>
    </button>
    <button type="button" className="button button-small" onClick={onSignOut} title={email}>
      Sign out
    </button>
  </header>
)
