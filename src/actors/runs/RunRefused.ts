import { Data, Schema } from "effect"
import type { SequenceFault } from "../../domain/RunSequence.ts"

/** Shipments were put into the run while it was being taken. Retry: at once, from the start. */
export class RunMoved extends Schema.TaggedError<RunMoved>()("RunMoved", { runId: Schema.String }) {}

/** The stops of a run cannot be made in that order. Retry: with another. */
export class StopOrderRefused extends Data.TaggedError("StopOrderRefused")<{ readonly fault: SequenceFault }> {}

/** A run was to get something that does not exist. Retry: without it. `position` counts from 0 in a list. */
export class RunPartUnknown extends Data.TaggedError("RunPartUnknown")<{
  readonly part: "shipment" | "vehicle" | "stop"
  readonly position: number | undefined
}> {}
