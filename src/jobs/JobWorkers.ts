import { DelayedError, type Job, UnrecoverableError, Worker } from "bullmq"
import { Clock, Duration, Effect, FiberSet, Layer } from "effect"
import { Limits } from "../config/Limits.ts"
import { DailySummaryRepo } from "../persistence/DailySummaryRepo.ts"
import { QueueRedis } from "../persistence/outbox/QueueRedis.ts"
import { makeEventJob } from "./EventJob.ts"
import { isJobKind, type JobKind, type QueueName, queueNames } from "./JobKind.ts"
import { JobQueues, queuePrefix } from "./JobQueues.ts"
import { makeJobRun, type QueuedJob } from "./JobRun.ts"

const makeRuns = Effect.gen(function* () {
  const queues = yield* JobQueues
  const events = yield* makeEventJob
  const summary = yield* DailySummaryRepo
  return {
    event: yield* makeJobRun("event", {
      run: (payload) => Effect.provideService(events.run(payload), JobQueues, queues),
      setAside: events.setAside
    }),
    "daily_summary.refresh": yield* makeJobRun("daily_summary.refresh", { run: () => summary.refresh() })
  } satisfies Record<JobKind, unknown>
})

const queuedJob = (job: Job): QueuedJob => ({
  id: job.id ?? "",
  data: job.data,
  failures: job.attemptsMade,
  attemptsMax: job.opts.attempts ?? 1
})

/**
 * Does the jobs of every queue on this node, `jobsAtOnceMax` of each at once. A node that dies loses none: after `jobLockMs` another one does what
 * it had begun.
 */
export const JobWorkers = Layer.effectDiscard(
  Effect.gen(function* () {
    const limits = yield* Limits
    const clock = yield* Clock.Clock
    const { worker: connection } = yield* QueueRedis
    const runs = yield* makeRuns
    // Ended after the workers: what still runs when they are closed is interrupted, and done again by another one.
    const run = yield* FiberSet.makeRuntimePromise()

    const process = async (job: Job, token: string | undefined): Promise<void> => {
      if (!isJobKind(job.name)) throw new UnrecoverableError(`no such job: ${job.name}`)
      const failure = await run(
        runs[job.name].attempt(queuedJob(job)).pipe(
          Effect.as(undefined),
          Effect.catch((error) => Effect.succeed(error))
        )
      )
      if (failure === undefined) return
      if (failure._tag === "JobFailed") throw new Error(failure.message)
      await job.moveToDelayed(clock.currentTimeMillisUnsafe() + limits.jobPostponeMs, token)
      throw new DelayedError()
    }
    const givenUp = (job: Job | undefined, error: Error): void => {
      if (job === undefined || !(error instanceof UnrecoverableError) || !isJobKind(job.name)) return
      run(runs[job.name].givenUp(queuedJob(job), error.message)).catch(() => undefined)
    }

    const open = (name: QueueName) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const worker = new Worker(name, process, {
            connection,
            prefix: queuePrefix,
            concurrency: limits.jobsAtOnceMax,
            lockDuration: limits.jobLockMs,
            stalledInterval: limits.jobStalledEveryMs,
            maxStalledCount: limits.jobAttemptsMax,
            skipVersionCheck: true
          })
          // QueueRedis reports the outage.
          worker.on("error", () => undefined)
          worker.on("failed", givenUp)
          return worker
        }),
        (worker) =>
          Effect.tryPromise(() => worker.close()).pipe(
            Effect.timeoutOrElse({
              duration: Duration.millis(limits.jobsCloseMs),
              orElse: () => Effect.tryPromise(() => worker.close(true))
            }),
            Effect.timeout(Duration.millis(2 * limits.jobsCloseMs)),
            Effect.ignore
          )
      )
    yield* Effect.forEach(queueNames, open, { concurrency: "unbounded", discard: true })
  })
)
