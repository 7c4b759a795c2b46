import { Context, Effect, Layer } from "effect"
import { JobsDatabase } from "../Database.ts"
import { newId } from "../NewId.ts"
import { systemOn } from "../RowScope.ts"

/** A job that failed. `retries` counts its failures, this one included. */
export interface FailedJob {
  readonly queue: string
  readonly jobId: string
  readonly name: string
  readonly payload: unknown
  readonly orderId: string | undefined
  readonly retries: number
  readonly retriesMax: number
  readonly error: string
}

const make = Effect.gen(function* () {
  const sql = yield* JobsDatabase

  /** Writes a failure down: `failed` while it will be tried again, `dead` when it was set aside. `aside` is done with it. */
  const failed = Effect.fn("BackgroundJobRepo.failed")(function* <E, R>(
    job: FailedJob,
    status: "failed" | "dead",
    aside: Effect.Effect<void, E, R>
  ) {
    const id = yield* newId
    const keep = sql`INSERT INTO background_jobs
        (id, queue, job_id, name, payload, status, retries, retries_max, last_error, order_id, started_at, ended_at)
      VALUES (${id}, ${job.queue}, ${job.jobId}, ${job.name}, ${JSON.stringify(job.payload)}::text::jsonb, ${status}::job_status,
        ${job.retries}, ${job.retriesMax}, ${job.error}, (SELECT id FROM orders WHERE id = ${job.orderId ?? null}::uuid), now(),
        CASE WHEN ${status}::job_status = 'dead' THEN now() END)
      ON CONFLICT (queue, job_id) DO UPDATE SET status = excluded.status, retries = excluded.retries,
        retries_max = excluded.retries_max, last_error = excluded.last_error, ended_at = excluded.ended_at`
    yield* systemOn(sql)(Effect.andThen(keep, status === "dead" ? aside : Effect.void))
  })

  /** Jobs that had failed, or were set aside, have succeeded. Others leave no row. */
  const succeeded = Effect.fn("BackgroundJobRepo.succeeded")(function* (queue: string, jobIds: ReadonlyArray<string>) {
    yield* sql`UPDATE background_jobs SET status = 'succeeded', ended_at = now()
      WHERE queue = ${queue} AND job_id IN (SELECT jsonb_array_elements_text(${JSON.stringify(jobIds)}::text::jsonb))
        AND status IN ('queued', 'running', 'failed', 'dead')`
  })

  return { failed, succeeded }
})

/** Keeps what became of jobs that did not succeed at once: the queue itself forgets. */
export class BackgroundJobRepo extends Context.Service<BackgroundJobRepo>()(
  "dropmate/persistence/outbox/BackgroundJobRepo",
  {
    make
  }
) {
  static readonly layer = Layer.effect(this, this.make)
}
