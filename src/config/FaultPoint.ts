import { Context, Effect } from "effect"

/** Moments between two steps of what must not be torn, where a test may let something go wrong. */
export type FaultPointName =
  | "shipment.load"
  | "shipment.decided"
  | "shipment.kept"
  | "shipment.committed"
  | "upload.kept"
  | "upload.sealed"

/** What happens at such a moment: nothing, unless a test says otherwise. */
export const FaultPoint = Context.Reference<(name: FaultPointName) => Effect.Effect<void>>(
  "dropmate/config/FaultPoint",
  { defaultValue: () => () => Effect.void }
)
