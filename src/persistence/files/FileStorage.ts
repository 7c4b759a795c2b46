import { Context, Data, type Effect, type Stream } from "effect"

/** The storage did not do what it was asked: away, full, or not ours to write. Retry: later. */
export class StorageFailed extends Data.TaggedError("StorageFailed")<{ readonly reason: string }> {
  override get message(): string {
    return this.reason
  }
}

/** What an upload is to be. */
export interface WantedFile {
  /** A bare UUID. */
  readonly id: string
  readonly bytes: number
  readonly sha256: Uint8Array
  /** The names that `write` gave, in order. */
  readonly parts: ReadonlyArray<string>
}

/** What came of `seal`: `lost` when parts are gone and the file is not there either, `different` when they are not what was announced. */
export type Sealed = "sealed" | "different" | "lost"

/** How a sealed file is shown to whoever opens a link to it. */
export interface LinkedFile {
  readonly key: string
  readonly mime: string
  /** The value of Content-Disposition. */
  readonly disposition: string
}

/**
 * Where the bytes of files are. An upload lies there in parts that never change; it becomes the file of its key in one step, under
 * which it never changes either. Whatever succeeded survives the loss of power. No caller holds a transaction.
 */
export class FileStorage extends Context.Service<
  FileStorage,
  {
    /** The name of the place, `files.bucket`. */
    readonly bucket: string
    /** The key that a file will have. */
    readonly keyOf: (id: string) => string
    /** Keeps bytes of an upload as a part. Answers the part's name, which no other attempt has. */
    readonly write: (id: string, offset: number, bytes: Uint8Array) => Effect.Effect<string, StorageFailed>
    /** Makes an upload the file of its key, if its parts are what was announced. May be repeated, also after `forget`. */
    readonly seal: (file: WantedFile) => Effect.Effect<Sealed, StorageFailed>
    /** Forgets every part of an upload. May be repeated. */
    readonly forget: (id: string) => Effect.Effect<void, StorageFailed>
    /** Removes a sealed file. May be repeated. */
    readonly remove: (key: string) => Effect.Effect<void, StorageFailed>
    /** Opens bytes `from` to `to` (exclusive) of a sealed file. */
    readonly read: (
      key: string,
      from: number,
      to: number
    ) => Effect.Effect<Stream.Stream<Uint8Array, StorageFailed>, StorageFailed>
    /** A link to the storage itself that lives for so many seconds; undefined when the outside does not reach it. */
    readonly link: (file: LinkedFile, ttlS: number) => Effect.Effect<string | undefined>
  }
>()("dropmate/persistence/files/FileStorage") {}
