import { Effect } from "effect"
import { Limits } from "../config/Limits.ts"
import type { EventConsumer } from "./EventConsumer.ts"
import { JobQueues } from "./JobQueues.ts"

/**
 * Has the day's summary made anew after what it counts has happened: once for all that happens within `dailySummaryDelayMs`, since
 * making it reads every order.
 */
export const dailySummaryConsumer: EventConsumer = {
  name: "daily_summary",
  types: [
    "order.drafted",
    "order.fulfilled",
    "order.cancelled",
    "shipment.delivered",
    "shipment.failed",
    "shipment.returned",
    "shipment.cancelled"
  ],
  handle: () =>
    Effect.gen(function* () {
      const queues = yield* JobQueues
      const { dailySummaryDelayMs } = yield* Limits
      yield* queues.ask("daily_summary.refresh", {}, dailySummaryDelayMs)
    })
}
