import { Context, Effect, Layer } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { FileRepo, type FileRow, type NewFile } from "../persistence/FileRepo.ts"
import { FileStorage, type StorageFailed } from "../persistence/FileStorage.ts"
import { newId } from "../persistence/NewId.ts"
import { ProofRepo } from "../persistence/ProofRepo.ts"
import { RowAbsent } from "../persistence/RowAbsent.ts"
import { systemOn } from "../persistence/RowScope.ts"
import { makeProofSettling } from "./ProofSettling.ts"

/** What became of a part: written, or not for the reason given; `file` says where the upload stands. */
export interface UploadStep {
  readonly outcome: "written" | "other_offset" | "too_long"
  readonly file: FileRow
}

/** What came of the end of an upload. After `checksum_mismatch` it begins anew. */
export interface UploadEnd {
  readonly outcome: "stored" | "checksum_mismatch"
  readonly file: FileRow
}

/** Why a part was not taken. */
export type UploadFailure = RowAbsent | StorageFailed | SqlError.SqlError

/**
 * Uploads in parts. A part is on the disk before its number is committed, so the offset that is told never lies: whatever is cut
 * off or killed, the sender goes on from there.
 *
 * Tricky interleavings
 * - Two senders of one file: they queue on its row, and the second hears the offset of the first.
 * - Killed after the bytes are on the disk and before the commit: the same part is written again, over itself.
 * - Killed after the last part, before or after the file is sealed: the offset says that all is there, and the next part, an empty one,
 *   ends the upload again.
 */
export class FileUploads extends Context.Service<
  FileUploads,
  {
    /** Begins an upload, or finds the one of the same person and hash; says whether it is new. In the caller's transaction. */
    readonly begin: (
      file: Omit<NewFile, "id" | "bucket" | "key">
    ) => Effect.Effect<{ readonly isNew: boolean; readonly file: FileRow }, UploadFailure>
    /** Takes a part from whoever began the upload; `userId` is a bare UUID. In the caller's transaction. */
    readonly write: (
      id: string,
      userId: string,
      offset: number,
      bytes: Uint8Array
    ) => Effect.Effect<UploadStep, UploadFailure>
    /** Compares what came with its hash, stores it and adds the proofs that waited for it. In a transaction of its own. */
    readonly end: (file: FileRow) => Effect.Effect<UploadEnd, UploadFailure>
  }
>()("dropmate/actors/FileUploads") {
  static readonly layer = Layer.effect(
    this,
    Effect.gen(function* () {
      const rows = yield* FileRepo
      const proofs = yield* ProofRepo
      const storage = yield* FileStorage
      const asSystem = systemOn(yield* SqlClient.SqlClient)
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
        offset: number,
        bytes: Uint8Array
      ) {
        const file = yield* rows.lock(id)
        if (file.uploaded_by !== userId) return yield* new RowAbsent({ kind: "file", id })
        if (offset !== file.received_bytes) return { outcome: "other_offset", file } satisfies UploadStep
        if (offset + bytes.length > file.bytes) return { outcome: "too_long", file } satisfies UploadStep
        if (bytes.length === 0) return { outcome: "written", file } satisfies UploadStep
        if (yield* storage.write(id, offset, bytes))
          return { outcome: "written", file: yield* rows.setReceived(id, offset + bytes.length) } satisfies UploadStep
        // The storage lost what it had: an operator restored the database and not the files, say.
        return { outcome: "other_offset", file: yield* rows.setReceived(id, 0) } satisfies UploadStep
      })

      const beginAnew = Effect.fnUntraced(function* (id: string) {
        const file = yield* rows.lock(id)
        return file.stored_at === null ? yield* rows.setReceived(id, 0) : file
      })

      const store = Effect.fnUntraced(function* ({ id, sha256 }: FileRow) {
        yield* proofs.holdHashes([Buffer.from(sha256).toString("hex")])
        const file = yield* rows.lock(id)
        if (file.stored_at !== null) return file
        const stored = yield* rows.setStored(id)
        yield* settle(stored)
        return stored
      })

      const end = Effect.fn("FileUploads.end")(function* (file: FileRow) {
        const found = yield* storage.digest(file.id)
        const isRight = found?.bytes === file.bytes && Buffer.compare(found.sha256, file.sha256) === 0
        if (isRight) {
          yield* storage.seal(file.id)
          return { outcome: "stored", file: yield* asSystem(store(file)) } satisfies UploadEnd
        }
        const again = yield* asSystem(beginAnew(file.id))
        yield* storage.forget(file.id)
        return { outcome: "checksum_mismatch", file: again } satisfies UploadEnd
      })

      return { begin, write, end }
    })
  )
}
