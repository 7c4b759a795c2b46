import { createHash } from "node:crypto"
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Effect, Layer, Stream } from "effect"
import { Limits } from "../config/Limits.ts"
import { FileStorage, StorageFailed } from "./FileStorage.ts"

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const onDisk = <A>(work: () => Promise<A>): Effect.Effect<A, StorageFailed> =>
  Effect.tryPromise({ try: work, catch: (error) => new StorageFailed({ reason: reasonOf(error) }) })

const isAbsent = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOENT"

const unlessAbsent = async <A>(work: Promise<A>): Promise<A | undefined> => {
  try {
    return await work
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

const withHandle = async <A>(handle: FileHandle, work: (handle: FileHandle) => Promise<A>): Promise<A> => {
  try {
    return await work(handle)
  } finally {
    await handle.close()
  }
}

/** A name that was made or taken away is on the disk only once its folder is. */
const syncFolder = async (folder: string): Promise<void> =>
  withHandle(await open(folder, "r"), (handle) => handle.sync())

const folderFor = async (path: string): Promise<void> =>
  void (await mkdir(dirname(path), { recursive: true, mode: 0o700 }))

const writeAt = async (path: string, offset: number, bytes: Uint8Array): Promise<boolean> => {
  await folderFor(path)
  const handle = offset === 0 ? await open(path, "w", 0o600) : await unlessAbsent(open(path, "r+"))
  if (handle === undefined) return false
  const isThere = await withHandle(handle, async (file) => {
    if ((await file.stat()).size < offset) return false
    let written = 0
    while (written < bytes.length)
      written += (await file.write(bytes, written, bytes.length - written, offset + written)).bytesWritten
    // What a broken-off attempt wrote beyond is none of this upload's.
    await file.truncate(offset + bytes.length)
    await file.sync()
    return true
  })
  if (offset === 0) await syncFolder(dirname(path))
  return isThere
}

const sizeOf = async (path: string): Promise<number | undefined> => {
  const handle = await unlessAbsent(open(path, "r"))
  return handle === undefined ? undefined : withHandle(handle, async (file) => (await file.stat()).size)
}

const digestOf = async (path: string) => {
  const handle = await unlessAbsent(open(path, "r"))
  if (handle === undefined) return undefined
  const hash = createHash("sha256")
  let bytes = 0
  for await (const chunk of handle.createReadStream()) {
    hash.update(chunk as Uint8Array)
    bytes += (chunk as Uint8Array).length
  }
  return { sha256: new Uint8Array(hash.digest()), bytes }
}

const removeAt = async (path: string): Promise<void> => {
  await rm(path, { force: true })
  await unlessAbsent(syncFolder(dirname(path)))
}

const readRange = async (path: string, from: number, length: number): Promise<Uint8Array> => {
  const handle = await open(path, "r")
  return withHandle(handle, async (file) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, from)
    return new Uint8Array(buffer.subarray(0, bytesRead))
  })
}

/**
 * Files in a folder of this machine: `uploads/ID` while they come in, `stored/AB/ID` afterwards, renamed in one step. Nodes that
 * serve the same database need the same folder.
 */
export const diskFileStorage = (folder: string): Layer.Layer<FileStorage> =>
  Layer.effect(
    FileStorage,
    Effect.gen(function* () {
      const { downloadReadBytes } = yield* Limits
      const uploadOf = (id: string): string => join(folder, "uploads", id)
      const pathOf = (key: string): string => join(folder, "stored", key)
      // The end of a UUIDv7 is random: 256 folders fill evenly.
      const keyOf = (id: string): string => `${id.slice(-2)}/${id}`

      return FileStorage.of({
        bucket: "disk",
        keyOf,
        write: (id, offset, bytes) => onDisk(() => writeAt(uploadOf(id), offset, bytes)),
        digest: (id) => onDisk(async () => (await digestOf(uploadOf(id))) ?? (await digestOf(pathOf(keyOf(id))))),
        seal: (id) =>
          onDisk(async () => {
            const path = pathOf(keyOf(id))
            await folderFor(path)
            // Sealed before, perhaps by somebody who then died.
            if ((await sizeOf(uploadOf(id))) === undefined && (await sizeOf(path)) !== undefined) return
            await rename(uploadOf(id), path)
            await syncFolder(dirname(path))
            await syncFolder(join(folder, "stored"))
            await syncFolder(join(folder, "uploads"))
          }),
        forget: (id) => onDisk(() => removeAt(uploadOf(id))),
        remove: (key) => onDisk(() => removeAt(pathOf(key))),
        read: (key, from, to) =>
          Stream.unfold(from, (at) =>
            at >= to
              ? Effect.succeed(undefined)
              : Effect.map(
                  onDisk(() => readRange(pathOf(key), at, Math.min(downloadReadBytes, to - at))),
                  (bytes) => (bytes.length === 0 ? undefined : ([bytes, at + bytes.length] as const))
                )
          )
      })
    })
  )
