import { Effect } from "effect"
import { Limits } from "../config/Limits.ts"
import { isEventType } from "../domain/EventCatalog.ts"
import { makeGathered } from "../persistence/Gathered.ts"
import { EventPositionRepo } from "../persistence/outbox/EventPositionRepo.ts"
import { OutboxRepo } from "../persistence/outbox/OutboxRepo.ts"
import { type EventConsumer, EventConsumers, EventNotHandled } from "./EventConsumer.ts"
import type { JobPayload } from "./JobKind.ts"

/**
 * One event's job: brings each consumer that wants its type up to it, and settles it. A consumer that fails does not keep the others from
 * it; the job then fails, and is tried again for those who have not had it.
 */
export const makeEventJob = Effect.gen(function* () {
  const consumers = yield* EventConsumers
  const positions = yield* EventPositionRepo
  const outbox = yield* OutboxRepo
  const { jobMs, outboxBatchMax } = yield* Limits
  const settle = yield* makeGathered({ atOnceMax: outboxBatchMax, ms: jobMs }, (numbers: ReadonlyArray<number>) =>
    Effect.as(outbox.settle(numbers), () => undefined)
  )

  const bring = (consumer: EventConsumer, { order_id, event_no }: JobPayload<"event">) =>
    positions.catchUp(consumer, order_id, event_no, consumer.handle).pipe(
      Effect.as(undefined),
      Effect.catchCause((cause) => {
        const [reason] = cause.reasons
        const error =
          reason?._tag === "Fail" ? reason.error.message : reason?._tag === "Die" ? String(reason.defect) : ""
        return reason === undefined || reason._tag === "Interrupt"
          ? Effect.failCause(cause)
          : Effect.succeed(`${consumer.name}: ${error}`)
      })
    )

  const run = Effect.fn("EventJob.run")(function* (payload: JobPayload<"event">) {
    const { type } = payload
    const wanting = isEventType(type) ? consumers.filter((consumer) => consumer.types.includes(type)) : []
    const failures = (yield* Effect.forEach(wanting, (consumer) => bring(consumer, payload))).filter(
      (failure) => failure !== undefined
    )
    if (failures.length > 0) return yield* new EventNotHandled({ message: failures.join("; ") })
    yield* settle(payload.published_no)
  })

  /** Nobody will try it again: it no longer waits. */
  const setAside = (payload: JobPayload<"event">) => outbox.settle([payload.published_no])

  return { run, setAside }
})
