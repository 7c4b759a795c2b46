import { Context, Data, type Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { EventType } from "../domain/EventCatalog.ts"
import type { ConsumedEvent } from "../persistence/outbox/EventPositionRepo.ts"
import { dailySummaryConsumer } from "./DailySummary.ts"
import type { JobQueues, QueueAway } from "./JobQueues.ts"

/** A consumer could not do what an event asks of it. It is tried again, then set aside. */
export class EventNotHandled extends Data.TaggedError("EventNotHandled")<{ readonly message: string }> {}

/**
 * Somebody inside who follows the log of orders. Each order's events of `types` come in order and once: what `handle` does to the
 * database is in one transaction with the note that it was done. What it does elsewhere may be repeated.
 */
export interface EventConsumer {
  /** Stays for ever: it is the key of how far the consumer has come. */
  readonly name: string
  readonly types: ReadonlyArray<EventType>
  readonly handle: (
    event: ConsumedEvent
  ) => Effect.Effect<void, EventNotHandled | QueueAway | SqlError.SqlError, SqlClient.SqlClient | JobQueues>
}

/** Every consumer. A reference, so that a test can add its own. */
export const EventConsumers = Context.Reference<ReadonlyArray<EventConsumer>>("dropmate/jobs/EventConsumers", {
  defaultValue: () => [dailySummaryConsumer]
})
