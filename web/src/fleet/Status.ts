import { type FleetStatusName, fleetStatuses } from "../../../src/client/FleetRoster.ts"

/** How a status is said and drawn: never by colour alone. */
export interface StatusLook {
  readonly label: string
  /** Design token of its colour. */
  readonly token: string
  /** An SVG path in a 24 x 24 box; north is up. */
  readonly path: string
  /** Whether the sign turns with the driver's heading. */
  readonly turns: boolean
}

export const statusLooks: Readonly<Record<FleetStatusName, StatusLook>> = {
  available: {
    label: "Available",
    token: "--status-available",
    path: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16z",
    turns: false
  },
  assigned: {
    label: "Assigned",
    token: "--status-assigned",
    path: "M12 2.5l9.5 9.5-9.5 9.5L2.5 12z",
    turns: false
  },
  carrying: {
    label: "Carrying",
    token: "--status-carrying",
    path: "M12 2l8.5 19L12 16.5 3.5 21z",
    turns: true
  },
  break: {
    label: "On a break",
    token: "--status-break",
    path: "M5 5h5v14H5zM14 5h5v14h-5z",
    turns: false
  },
  connected: {
    label: "Connected",
    token: "--status-connected",
    path: "M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17zM12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
    turns: false
  },
  offline: {
    label: "Offline",
    token: "--status-offline",
    path: "M6.5 3.5L12 9l5.5-5.5 3 3L15 12l5.5 5.5-3 3L12 15l-5.5 5.5-3-3L9 12 3.5 6.5z",
    turns: false
  }
}

/** All of them, in the order of the legend. */
export const statusOrder: ReadonlyArray<FleetStatusName> = [
  "available",
  "assigned",
  "carrying",
  "break",
  "connected",
  "offline"
]

/** From these ages on a position is shown as old, and as very old. Milliseconds. */
export const staleAfterMs = 60_000
export const veryStaleAfterMs = 5 * 60_000

/** 0 fresh, 1 old, 2 very old. */
export const fadeOf = (ageMs: number): 0 | 1 | 2 => (ageMs < staleAfterMs ? 0 : ageMs < veryStaleAfterMs ? 1 : 2)

/** Whether a text names a status. */
export const isStatus = (value: string): value is FleetStatusName => fleetStatuses.some((name) => name === value)
