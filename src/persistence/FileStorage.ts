import { Context, Data, type Effect, type Stream } from "effect"

/** The storage did not do what it was asked: away, full, or not ours to write. Retry: later. */
export class StorageFailed extends Data.TaggedError("StorageFailed")<{ readonly reason: string }> {
  override get message(): string {
    return this.reason
  }
}

/**
 * Where the bytes of files are. A file is known by its id (a bare UUID) while it is uploaded, and from `seal` on by its key, under
 * which it never changes. Whatever succeeded survives the loss of power.
 */
export class FileStorage extends Context.Service<
  FileStorage,
  {
    /** The name of the place, `files.bucket`. */
    readonly bucket: string
    /** The key that a file will have. */
    readonly keyOf: (id: string) => string
    /** Writes bytes of an upload at an offset; false when the storage does not have the bytes before it. May be repeated. */
    readonly write: (id: string, offset: number, bytes: Uint8Array) => Effect.Effect<boolean, StorageFailed>
    /** SHA-256 and length of what is there of an upload, or of the sealed file; undefined when nothing is. */
    readonly digest: (
      id: string
    ) => Effect.Effect<{ readonly sha256: Uint8Array; readonly bytes: number } | undefined, StorageFailed>
    /** Makes an upload the file of its key. May be repeated. */
    readonly seal: (id: string) => Effect.Effect<void, StorageFailed>
    /** Forgets an upload's bytes. May be repeated. */
    readonly forget: (id: string) => Effect.Effect<void, StorageFailed>
    /** Removes a sealed file. May be repeated. */
    readonly remove: (key: string) => Effect.Effect<void, StorageFailed>
    /** Bytes `from` to `to` (exclusive) of a sealed file. */
    readonly read: (key: string, from: number, to: number) => Stream.Stream<Uint8Array, StorageFailed>
  }
>()("dropmate/persistence/FileStorage") {}
