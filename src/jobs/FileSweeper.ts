import { Clock, Duration, Effect, Layer, Metric } from "effect"
import { SqlClient } from "effect/sql"
import { Limits } from "../config/Limits.ts"
import { JobsDatabase } from "../persistence/Database.ts"
import { FileRepo } from "../persistence/FileRepo.ts"
import { FileStorage } from "../persistence/FileStorage.ts"
import { ProofRepo } from "../persistence/ProofRepo.ts"

const proofsPending = Metric.gauge("dropmate_proofs_pending", {
  description: "Proofs of deliveries that wait for their file"
})
const proofsMissing = Metric.gauge("dropmate_proofs_missing", {
  description: "Proofs of deliveries that have waited for their file for longer than an hour"
})

/**
 * One round: uploads that have stood still for too long are given up, the bytes of deleted files are removed, and proofs that
 * wait are counted. A row goes only after its bytes, so a round that breaks off is finished by the next. Answers how many went.
 */
export const sweepFiles = Effect.gen(function* () {
  const limits = yield* Limits
  const storage = yield* FileStorage
  const jobs = yield* JobsDatabase
  const files = yield* Effect.provideService(FileRepo.make, SqlClient.SqlClient, jobs)
  const proofs = yield* Effect.provideService(ProofRepo.make, SqlClient.SqlClient, jobs)
  const nowMs = yield* Clock.currentTimeMillis
  const spent = yield* files.spent(
    new Date(nowMs - limits.attachmentUploadMs),
    new Date(nowMs - limits.proofUploadMs),
    limits.fileSweepRowsMax
  )
  for (const { id, key } of spent) {
    yield* storage.forget(id)
    yield* storage.remove(key)
    yield* files.drop(id)
  }
  const counted = yield* proofs.countPending(new Date(nowMs - limits.proofMissingMs))
  yield* Metric.update(proofsPending, counted.pending)
  yield* Metric.update(proofsMissing, counted.missing)
  return spent.length
})

/** Sweeps files for ever. */
export const FileSweeper = Layer.effectDiscard(
  Effect.gen(function* () {
    const limits = yield* Limits
    yield* sweepFiles.pipe(
      Effect.catch((error) => Effect.logWarning("file_sweeper_failed", error.message)),
      Effect.andThen(Effect.sleep(Duration.millis(limits.fileSweepEveryMs))),
      Effect.forever,
      Effect.forkScoped
    )
  })
)
