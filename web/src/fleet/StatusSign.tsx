import type { FleetStatusName } from "../../../src/client/FleetRoster.ts"
import { statusLooks } from "./Status.ts"

/** The sign of a status, as on the map. Decorative: its name stands beside it. */
export const StatusSign = ({ status }: { readonly status: FleetStatusName }) => (
  <svg className={`sign sign-${status}`} viewBox="0 0 24 24" aria-hidden="true">
    <path d={statusLooks[status].path} fillRule="evenodd" />
  </svg>
)
