import { Clock, Duration, Effect, Layer, Metric } from "effect"
import { SqlClient } from "effect/sql"
import { Limits } from "../config/Limits.ts"
import { JobsDatabase } from "../persistence/Database.ts"
import { FileRepo } from "../persistence/files/FileRepo.ts"
import { FileStorage } from "../persistence/files/FileStorage.ts"
import { ProofRepo } from "../persistence/shipments/ProofRepo.ts"

const proofsPending = Metric.gauge("dropmate_proofs_pending", {
  description: "Proofs of deliveries that wait for their file"
})
const proofsMissing = Metric.gauge("dropmate_proofs_missing", {
  description: "Proofs of deliveries that have waited for their file for longer than an hour"
})

/**
 * One round: uploads that have stood still for too long are given up, the bytes of deleted files and the parts of stored ones are
 * removed, and proofs that wait are counted. A row goes only after its bytes, so a round that breaks off is finished by the next, and
 * two nodes at once do the same twice. Answers how many files went.
 */
export const sweepFiles = Effect.gen(function* () {
  const limits = yield* Limits
  const storage = yield* FileStorage
  const jobs = yield* JobsDatabase
  const files = yield* Effect.provideService(FileRepo.make, SqlClient.SqlClient, jobs)
  const proofs = yield* Effect.provideService(ProofRepo.make, SqlClient.SqlClient, jobs)
  const nowMs = yield* Clock.currentTimeMillis
  const before = (ms: number): Date => new Date(nowMs - ms)
  const counted = yield* proofs.countPending(before(limits.proofMissingMs))
  yield* Metric.update(proofsPending, counted.pending)
  yield* Metric.update(proofsMissing, counted.missing)
  const stillSince = {
    attachmentsBefore: before(limits.attachmentUploadMs),
    proofsBefore: before(limits.proofUploadMs)
  }
  yield* files.giveUp(stillSince, limits.fileSweepRowsMax)
  for (const id of yield* files.partsLeft(before(limits.partsGraceMs), limits.fileSweepRowsMax)) {
    yield* storage.forget(id)
    yield* files.partsGone(id)
  }
  const spent = yield* files.spent(before(limits.partsGraceMs), limits.fileSweepRowsMax)
  for (const { id, key } of spent) {
    yield* storage.forget(id)
    yield* storage.remove(key)
    yield* files.drop(id)
  }
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
