import { type Cause, Context, Data, Effect, Metric, Schema } from "effect"
import type { SqlError } from "effect/sql"
import { Limits } from "../config/Limits.ts"
import { makeGathered } from "../persistence/Gathered.ts"
import { BackgroundJobRepo } from "../persistence/outbox/BackgroundJobRepo.ts"
import { type JobKind, type JobPayload, jobKinds } from "./JobKind.ts"

/** How a kind of job is done. */
export interface JobHandler<Kind extends JobKind> {
  readonly run: (payload: JobPayload<Kind>) => Effect.Effect<void, { readonly message: string }>
  /** What follows when it was given up, in the transaction that says so. */
  readonly setAside?: (payload: JobPayload<Kind>) => Effect.Effect<void, SqlError.SqlError>
}

/** One job at one attempt, as the queue hands it over. */
export interface QueuedJob {
  readonly id: string
  readonly data: unknown
  /** How often it has failed before. */
  readonly failures: number
  readonly attemptsMax: number
}

/** The job has failed and it is written down: the queue may count the attempt. */
export class JobFailed extends Data.TaggedError("JobFailed")<{ readonly message: string }> {}

/** The job has failed and nobody could write it down: the attempt does not count, and it is tried again later. */
export class JobPostponed extends Data.TaggedError("JobPostponed")<{ readonly message: string }> {}

const noContext = Context.empty()
const jobs = (queue: string, outcome: "done" | "failed" | "set_aside" | "postponed") =>
  Metric.counter("dropmate_jobs_total", {
    incremental: true,
    attributes: { queue, outcome },
    description:
      "Jobs by how an attempt ended: done, failed and tried again, set aside, or postponed without the database"
  })

const causeText = (cause: Cause.Cause<{ readonly message: string }>): string => {
  const [reason] = cause.reasons
  if (reason?._tag === "Fail") return reason.error.message
  return reason?._tag === "Die" ? String(reason.defect) : "interrupted"
}

const orderIdOf = (payload: unknown): string | undefined =>
  typeof payload === "object" && payload !== null && "order_id" in payload && typeof payload.order_id === "string"
    ? payload.order_id
    : undefined

/**
 * Runs one attempt of a job of `kind` within `jobMs`. What fails is written into `background_jobs`, where an operator sees it; the last
 * failure sets it aside. An attempt counts only if its failure could be written down, so a database that is away uses none up.
 */
export const makeJobRun = <Kind extends JobKind>(kind: Kind, handler: JobHandler<Kind>) =>
  Effect.gen(function* () {
    const limits = yield* Limits
    const rows = yield* BackgroundJobRepo
    const { queue } = jobKinds[kind]
    const succeeded = yield* makeGathered(
      { atOnceMax: limits.jobsAtOnceMax, ms: limits.jobMs },
      (jobIds: ReadonlyArray<string>) => Effect.as(rows.succeeded(queue, jobIds), () => undefined)
    )
    const decode = Schema.decodeUnknownEffect(jobKinds[kind].payload as Schema.Codec<JobPayload<Kind>, unknown>)
    const count = (outcome: "done" | "failed" | "set_aside" | "postponed") =>
      Effect.sync(() => jobs(queue, outcome).updateUnsafe(1, noContext))

    const fail = Effect.fnUntraced(function* (job: QueuedJob, reason: string, isLast: boolean) {
      const error = reason.slice(0, limits.jobErrorLengthMax).replaceAll("\0", "")
      const retries = Math.min(job.failures + 1, job.attemptsMax)
      const row = { queue, jobId: job.id, name: kind, payload: job.data, retries, retriesMax: job.attemptsMax, error }
      const aside = decode(job.data).pipe(
        Effect.flatMap((payload) => handler.setAside?.(payload) ?? Effect.void),
        Effect.catchTag("SchemaError", () => Effect.void)
      )
      const written = yield* rows
        .failed({ ...row, orderId: orderIdOf(job.data) }, isLast ? "dead" : "failed", aside)
        .pipe(
          Effect.as(true),
          Effect.catch(() => Effect.succeed(false))
        )
      const detail = { queue, job: job.id, reason: error }
      if (!written) {
        yield* Effect.logWarning("job_postponed", detail)
        yield* count("postponed")
        return yield* new JobPostponed({ message: error })
      }
      yield* isLast ? Effect.logError("job_set_aside", detail) : Effect.logWarning("job_failed", detail)
      yield* count(isLast ? "set_aside" : "failed")
      return yield* new JobFailed({ message: error })
    })

    const attempt = Effect.fn("JobRun.attempt")(function* (job: QueuedJob) {
      const work = Effect.gen(function* () {
        yield* handler.run(yield* decode(job.data))
        yield* succeeded(job.id)
      })
      yield* work.pipe(
        Effect.timeoutOrElse({
          duration: limits.jobMs,
          orElse: () => Effect.fail({ message: `not done within ${limits.jobMs} ms` })
        }),
        Effect.catchCause((cause) =>
          cause.reasons.some((reason) => reason._tag === "Interrupt")
            ? Effect.interrupt
            : fail(job, causeText(cause), job.failures + 1 >= job.attemptsMax)
        )
      )
      yield* count("done")
    })

    /** What the queue itself gave up, since workers died of it or never came back. */
    const givenUp = (job: QueuedJob, reason: string) => Effect.ignore(fail(job, reason, true))

    return { attempt, givenUp }
  })
