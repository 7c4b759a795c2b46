import { Context, Effect, Layer, Semaphore } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { FaultPoint } from "../../config/FaultPoint.ts"
import { Limits } from "../../config/Limits.ts"
import { FileRepo, type FileRow, type NewFile } from "../../persistence/files/FileRepo.ts"
import { FileStorage, type StorageFailed } from "../../persistence/files/FileStorage.ts"
import { newId } from "../../persistence/NewId.ts"
import { RowAbsent } from "../../persistence/RowAbsent.ts"
import { inRowScope, type RowScope, systemOn } from "../../persistence/RowScope.ts"
import { ProofRepo } from "../../persistence/shipments/ProofRepo.ts"
import { makeProofSettling } from "./ProofSettling.ts"

/** What became of a part: written, or not for the reason given; `file` says where the upload stands. */
export interface UploadStep {
  readonly outcome: "written" | "other_offset" | "too_long" | "too_small"
  readonly file: FileRow
}

/** What came of the end of an upload. After `checksum_mismatch` and `parts_lost` it begins anew. */
export interface UploadEnd {
  readonly outcome: "stored" | "checksum_mismatch" | "parts_lost"
  readonly file: FileRow
}

/** What a part that is not the last must have, so that an upload has no more than so many. Bytes. */
export const partBytesMin = ({ bytes }: FileRow, partsMax: number): number => Math.ceil(bytes / partsMax)

/** Why a part does not fit an upload; undefined when it does. */
const misfit = (
  file: FileRow,
  offset: number,
  bytes: number,
  partsMax: number
): Exclude<UploadStep["outcome"], "written"> | undefined => {
  if (offset !== file.received_bytes) return "other_offset"
  if (offset + bytes > file.bytes) return "too_long"
  // An empty part asks that a whole upload be ended again.
  if (bytes === 0 || offset + bytes === file.bytes) return undefined
  return bytes < partBytesMin(file, partsMax) ? "too_small" : undefined
}

/** Why a part was not taken. */
export type UploadFailure = RowAbsent | StorageFailed | SqlError.SqlError

/**
 * Uploads in parts. The storage keeps a part before its name is committed, so the offset that is told never lies: whatever is cut
 * off or killed, the sender goes on from there. No transaction is open while the storage works.
 *
 * Tricky interleavings
 * - Two senders of one file: both parts are kept, the first one's name is committed, and the second hears that offset.
 * - Killed after the storage answered and before the commit, or a part that lands after it was given up: the same bytes come
 *   again under another name, and the first are swept away with the upload.
 * - Killed after the last part, before or after the file is sealed: the offset says that all is there, and the next part, an empty one,
 *   ends the upload again.
 * - Nothing that may still be read is removed here: FileSweeper does, long after an upload has ended.
 */
export class FileUploads extends Context.Service<
  FileUploads,
  {
    /** Begins an upload, or finds the one of the same person and hash; says whether it is new. In the caller's transaction. */
    readonly begin: (
      file: Omit<NewFile, "id" | "bucket" | "key">
    ) => Effect.Effect<{ readonly isNew: boolean; readonly file: FileRow }, UploadFailure>
    /** Takes a part from whoever began the upload; `userId` is a bare UUID. In transactions of its own, in the caller's scope. */
    readonly write: (
      id: string,
      userId: string,
      part: { readonly offset: number; readonly bytes: Uint8Array },
      scope: RowScope
    ) => Effect.Effect<UploadStep, UploadFailure>
    /** Compares what came with its hash, stores it and adds the proofs that waited for it. In a transaction of its own. */
    readonly end: (file: FileRow) => Effect.Effect<UploadEnd, UploadFailure>
  }
>()("dropmate/actors/files/FileUploads") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const rows = yield* FileRepo
      const proofs = yield* ProofRepo
      const storage = yield* FileStorage
      const sql = yield* SqlClient.SqlClient
      const asSystem = systemOn(sql)
      const faultAt = yield* FaultPoint
      const { uploadPartsMax, uploadEndsAtOnceMax } = yield* Limits
      const turns = yield* Semaphore.make(uploadEndsAtOnceMax)
      const { settle } = yield* makeProofSettling

      const begin = Effect.fn("FileUploads.begin")(function* (file: Omit<NewFile, "id" | "bucket" | "key">) {
        const id = yield* newId
        const { bucket, keyOf } = storage
        const { is_new: isNew, ...row } = yield* rows.begin({ ...file, id, bucket, key: keyOf(id) })
        return { isNew, file: row }
      })

      const write = Effect.fn("FileUploads.write")(function* (
        id: string,
        userId: string,
        { offset, bytes }: { readonly offset: number; readonly bytes: Uint8Array },
        scope: RowScope
      ) {
        const inScope = <A, E>(effect: Effect.Effect<A, E, SqlClient.SqlClient>) =>
          Effect.provideService(inRowScope(scope, effect), SqlClient.SqlClient, sql)
        const before = yield* inScope(rows.get(id))
        if (before.uploaded_by !== userId) return yield* new RowAbsent({ kind: "file", id })
        const early = misfit(before, offset, bytes.length, uploadPartsMax)
        if (early !== undefined) return { outcome: early, file: before } satisfies UploadStep
        if (bytes.length === 0) return { outcome: "written", file: before } satisfies UploadStep
        const part = yield* storage.write(id, offset, bytes)
        yield* faultAt("upload.kept")
        return yield* inScope(
          Effect.gen(function* () {
            const file = yield* rows.lock(id)
            const late = misfit(file, offset, bytes.length, uploadPartsMax)
            if (late !== undefined) return { outcome: late, file } satisfies UploadStep
            return { outcome: "written", file: yield* rows.addPart(id, part, bytes.length) } satisfies UploadStep
          })
        )
      })

      /** Unless somebody else was faster: what they put in place of these parts counts. */
      const beginAnew = Effect.fnUntraced(function* ({ id, parts }: FileRow) {
        const file = yield* rows.lock(id)
        const isSame = file.stored_at === null && file.parts.join() === parts.join()
        return isSame ? yield* rows.beginAnew(id) : file
      })

      const store = Effect.fnUntraced(function* ({ id, sha256 }: FileRow) {
        yield* proofs.holdHashes([Buffer.from(sha256).toString("hex")])
        const file = yield* rows.lock(id)
        if (file.stored_at !== null) return file
        const stored = yield* rows.setStored(id, storage.bucket)
        yield* settle(stored)
        return stored
      })

      const end = Effect.fn("FileUploads.end")(function* (file: FileRow) {
        const sealed = yield* turns.withPermit(storage.seal(file))
        yield* faultAt("upload.sealed")
        if (sealed === "sealed") return { outcome: "stored", file: yield* asSystem(store(file)) } satisfies UploadEnd
        const again = yield* asSystem(beginAnew(file))
        if (again.stored_at !== null) return { outcome: "stored", file: again } satisfies UploadEnd
        // Lost: an operator restored the database and not the files, say.
        const outcome = sealed === "lost" ? "parts_lost" : "checksum_mismatch"
        return { outcome, file: again } satisfies UploadEnd
      })

      return { begin, write, end }
    })
  )
}
