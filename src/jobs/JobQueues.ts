import { type JobsOptions, Queue } from "bullmq"
import { Context, Effect, Layer, Schema } from "effect"
import { Limits } from "../config/Limits.ts"
import { QueueRedis } from "../persistence/outbox/QueueRedis.ts"
import { type JobKind, type JobPayload, jobKinds, type QueueName } from "./JobKind.ts"

/** The queue did not take a job. Whether it has it all the same is not known: add it again under its id. */
export class QueueAway extends Schema.TaggedError<QueueAway>()("QueueAway", { reason: Schema.String }) {
  override get message(): string {
    return `the queue does not answer: ${this.reason}`
  }
}

/** Names of BullMQ's keys in Redis begin with this. */
export const queuePrefix = "dropmate:jobs"

/** A job to add. One whose id waits, or is worked on, already is not added again. */
export interface NewJob<Kind extends JobKind> {
  readonly id: string
  readonly payload: JobPayload<Kind>
}

/** Where jobs are put. Nothing that answers a request may wait for it. */
export class JobQueues extends Context.Service<
  JobQueues,
  {
    /** Adds jobs in their order, all or none. */
    readonly add: <Kind extends JobKind>(
      kind: Kind,
      jobs: ReadonlyArray<NewJob<Kind>>
    ) => Effect.Effect<void, QueueAway>
    /**
     * Asks for a job that is done once for many who ask, `afterMs` after the first: whoever asks while it waits is included, whoever asks while it
     * runs has it done once more.
     */
    readonly ask: <Kind extends JobKind>(
      kind: Kind,
      payload: JobPayload<Kind>,
      afterMs: number
    ) => Effect.Effect<void, QueueAway>
  }
>()("dropmate/jobs/JobQueues") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const limits = yield* Limits
      const { producer } = yield* QueueRedis
      const queues = new Map<QueueName, Queue>()
      yield* Effect.addFinalizer(() =>
        Effect.ignore(Effect.tryPromise(() => Promise.all([...queues.values()].map((queue) => queue.disconnect()))))
      )
      // A queue asks Redis for its version when it is made. One that got no answer never works again: the next who needs it makes another.
      const opened = async (name: QueueName): Promise<Queue> => {
        const queue =
          queues.get(name) ?? new Queue(name, { connection: producer, prefix: queuePrefix, skipVersionCheck: true })
        if (!queues.has(name)) queue.on("error", () => undefined) // QueueRedis reports the outage.
        queues.set(name, queue)
        try {
          await queue.waitUntilReady()
        } catch (error) {
          if (queues.get(name) === queue) queues.delete(name)
          throw error
        }
        return queue
      }
      const options: JobsOptions = {
        attempts: limits.jobAttemptsMax,
        backoff: { type: "exponential", delay: limits.jobBackoffMs },
        // What succeeded is settled in the database, and what was set aside has its row there.
        removeOnComplete: true,
        removeOnFail: true
      }
      const told = (kind: JobKind, put: (queue: Queue) => Promise<unknown>): Effect.Effect<void, QueueAway> =>
        Effect.tryPromise({
          try: async (signal) => {
            // Nothing may pile up behind a connection that is gone, nor be sent after its time.
            if (producer.status !== "ready") throw new Error(`Redis is ${producer.status}`)
            const queue = await opened(jobKinds[kind].queue)
            return signal.aborted ? undefined : put(queue)
          },
          catch: (error) => new QueueAway({ reason: error instanceof Error ? error.message : String(error) })
        }).pipe(
          Effect.timeoutOrElse({
            duration: limits.redisCommandMs,
            orElse: () => Effect.fail(new QueueAway({ reason: `no answer within ${limits.redisCommandMs} ms` }))
          }),
          Effect.asVoid
        )
      return JobQueues.of({
        add: (kind, jobs) =>
          told(kind, (queue) =>
            queue.addBulk(
              jobs.map(({ id, payload }) => ({ name: kind, data: payload, opts: { ...options, jobId: id } }))
            )
          ),
        ask: (kind, payload, afterMs) =>
          told(kind, (queue) =>
            queue.add(kind, payload, {
              ...options,
              delay: afterMs,
              deduplication: { id: kind, keepLastIfActive: true }
            })
          )
      })
    })
  )
}
