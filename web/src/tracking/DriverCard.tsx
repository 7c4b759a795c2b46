import type { TrackedDriver } from "../../../src/client/TrackingFrames.ts"

const vehicleWords = ({ vehicle }: TrackedDriver): string => {
  if (vehicle === undefined) return "Your driver"
  const kind = [vehicle.colour, vehicle.type.replaceAll("_", " ")].filter(Boolean).join(" ")
  const shown = kind.charAt(0).toLocaleUpperCase() + kind.slice(1)
  return vehicle.plateHint === undefined ? shown : `${shown}, plate ${vehicle.plateHint}`
}

/** Who brings it. */
export const DriverCard = ({ driver }: { readonly driver: TrackedDriver }) => (
  <div className="driver-card">
    <span className="avatar" aria-hidden="true">
      {driver.firstName.charAt(0).toLocaleUpperCase()}
    </span>
    <div>
      <p className="driver-name">{driver.firstName}</p>
      <p className="muted">{vehicleWords(driver)}</p>
    </div>
  </div>
)
