import { Context, Duration, Effect, Layer, Metric, Queue } from "effect"
import { Limits } from "../config/Limits.ts"
import { DatabaseUrl } from "../persistence/Database.ts"
import { followNotices } from "../persistence/Notices.ts"
import { OutboxRepo } from "../persistence/outbox/OutboxRepo.ts"
import { JobQueues } from "./JobQueues.ts"

const noContext = Context.empty()
const waiting = (stage: "publish" | "settle") =>
  Metric.gauge("dropmate_outbox_waiting", {
    attributes: { stage },
    description: "Events that wait for their number in the public log, or for those inside who want them"
  })
const oldest = Metric.gauge("dropmate_outbox_oldest_seconds", {
  description: "Age of the oldest event that somebody still waits for"
})
const handled = (stage: "published" | "relayed" | "trimmed") =>
  Metric.counter("dropmate_outbox_events_total", {
    incremental: true,
    attributes: { stage },
    description:
      "Events that this node numbered, put into the queue (again, if nobody settled them), or took away after their time"
  })

/** Something that is done again and again: at once while there is more, when it is rung, and every so often. */
interface Round {
  readonly name: string
  /** Answers how much was done; the limit says that there is more. */
  readonly once: Effect.Effect<number, { readonly message: string }>
  readonly bell: Queue.Queue<void>
}

const keepDoing = Effect.fnUntraced(function* ({ name, once, bell }: Round) {
  const limits = yield* Limits
  let isFailing = false
  const round = once.pipe(
    Effect.tap(() =>
      Effect.sync(() => {
        isFailing = false
      })
    ),
    Effect.catch((error) =>
      Effect.gen(function* () {
        // One line for each outage.
        if (!isFailing) yield* Effect.logWarning("outbox_waits", { stage: name, reason: error.message })
        isFailing = true
        yield* Effect.sleep(Duration.millis(limits.outboxRetryMs))
        return 0
      })
    ),
    Effect.tap((done) =>
      done >= limits.outboxBatchMax || isFailing
        ? Effect.void
        : Effect.andThen(
            // What is committed meanwhile goes together with the next.
            Effect.sleep(Duration.millis(limits.outboxGatherMs)),
            Effect.ignore(Effect.timeout(Queue.take(bell), Duration.millis(limits.outboxPollMs)))
          )
    )
  )
  return yield* Effect.forever(round)
})

/**
 * Carries events outwards. Publishing numbers them, which needs PostgreSQL alone; relaying puts the numbered ones into the queue `events`,
 * each as the job of its id, and again when nobody has settled it for `outboxRetellMs`. So Redis may be away, or lose what it
 * had: nothing waits for it but its own jobs, and none is lost (ADR 0130, ADR 0131). Any number of nodes may do this.
 */
export const OutboxRelay = Layer.effectDiscard(
  Effect.gen(function* () {
    const limits = yield* Limits
    const outbox = yield* OutboxRepo
    const queues = yield* JobQueues
    const url = yield* DatabaseUrl
    const newEvents = yield* Queue.sliding<void>(1)
    const newNumbers = yield* Queue.sliding<void>(1)
    const count = (stage: "published" | "relayed" | "trimmed", done: number) =>
      Effect.sync(() => handled(stage).updateUnsafe(done, noContext))

    const publish = outbox.publish(limits.outboxBatchMax).pipe(
      Effect.tap((made) => (made > 0 ? Queue.offer(newNumbers, undefined) : Effect.void)),
      Effect.tap((made) => count("published", made))
    )
    const relay = outbox
      .relay(limits.outboxBatchMax, limits.outboxRetellMs, (events) =>
        queues.add(
          "event",
          events.map((payload) => ({ id: payload.event_id, payload }))
        )
      )
      .pipe(Effect.tap((done) => count("relayed", done)))
    const trim = outbox
      .trim(limits.eventsKeptMs, limits.outboxBatchMax)
      .pipe(Effect.tap((gone) => count("trimmed", gone)))
    const watch = outbox.standing.pipe(
      Effect.tap(({ unpublished, unsettled, oldest_ms }) =>
        Effect.sync(() => {
          waiting("publish").updateUnsafe(unpublished, noContext)
          waiting("settle").updateUnsafe(unsettled, noContext)
          oldest.updateUnsafe(oldest_ms / 1_000, noContext)
        })
      )
    )

    const ring = (): void => void Queue.offerUnsafe(newEvents, undefined)
    yield* Effect.forkScoped(
      followNotices(url, "dropmate_orders", { caughtUp: ring, noticed: ring }, "dropmate-outbox")
    )
    yield* Effect.forkScoped(keepDoing({ name: "publish", once: publish, bell: newEvents }))
    yield* Effect.forkScoped(keepDoing({ name: "relay", once: relay, bell: newNumbers }))
    const everyNow = <A, E>(work: Effect.Effect<A, E>, everyMs: number) =>
      Effect.forkScoped(
        work.pipe(Effect.ignore, Effect.andThen(Effect.sleep(Duration.millis(everyMs))), Effect.forever)
      )
    yield* everyNow(watch, limits.outboxWatchMs)
    yield* everyNow(Effect.repeat(trim, { while: (gone) => gone >= limits.outboxBatchMax }), limits.eventsTrimEveryMs)
  })
)
