import { type TrackingStage, trackingStages } from "../../../src/domain/TrackingStage.ts"

const names: Readonly<Record<TrackingStage, string>> = {
  scheduled: "Confirmed",
  assigned: "Driver found",
  on_the_way: "On the way",
  nearby: "Nearby",
  arrived: "Arrived",
  done: "Done"
}

/** How far the delivery is. */
export const Steps = ({ stage }: { readonly stage: string }) => {
  const at = (trackingStages as ReadonlyArray<string>).indexOf(stage)
  return (
    <ol className="steps" aria-label="Progress">
      {trackingStages.map((name, i) => (
        <li
          key={name}
          className={i < at ? "step step-past" : i === at ? "step step-now" : "step"}
          aria-current={i === at ? "step" : undefined}
        >
          <span className="visually-hidden">{names[name]}</span>
        </li>
      ))}
    </ol>
  )
}
