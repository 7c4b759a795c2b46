import { createHash } from "node:crypto"
import { type FileHandle, mkdir, open, readFile, rename, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Effect, Layer, Stream } from "effect"
import { Limits } from "../../config/Limits.ts"
import { FileStorage, type Sealed, StorageFailed, type WantedFile } from "./FileStorage.ts"
import { partName } from "./PartName.ts"

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

const makeFolder = async (folder: string): Promise<void> => {
  const made = await mkdir(folder, { recursive: true, mode: 0o700 })
  if (made === undefined) return
  await syncFolder(dirname(folder))
  if (made !== folder) await syncFolder(dirname(made))
}

/** A new file in an upload's folder, which goes with the folder if nobody ever learns its name. */
const writeNew = async (uploadFolder: string, name: string, pieces: ReadonlyArray<Uint8Array>): Promise<string> => {
  await makeFolder(uploadFolder)
  const path = join(uploadFolder, name)
  await withHandle(await open(path, "wx", 0o600), async (file) => {
    for (const piece of pieces) await file.writeFile(piece)
    await file.sync()
  })
  await syncFolder(uploadFolder)
  return path
}

const sizeOf = async (path: string): Promise<number | undefined> => {
  const handle = await unlessAbsent(open(path, "r"))
  return handle === undefined ? undefined : withHandle(handle, async (file) => (await file.stat()).size)
}

const readRange = async (path: string, from: number, length: number): Promise<Uint8Array> => {
  const handle = await open(path, "r")
  return withHandle(handle, async (file) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, from)
    return new Uint8Array(buffer.subarray(0, bytesRead))
  })
}

/** Joins the parts of an upload into its file. Nothing takes a sealed file's place: what is there was right once. */
const joinParts = async ({ bytes, sha256, parts }: WantedFile, uploadFolder: string, path: string): Promise<Sealed> => {
  if ((await sizeOf(path)) === bytes) return "sealed"
  const pieces: Array<Uint8Array> = []
  const hash = createHash("sha256")
  for (const part of parts) {
    const piece = await unlessAbsent(readFile(join(uploadFolder, part)))
    if (piece === undefined) return (await sizeOf(path)) === bytes ? "sealed" : "lost"
    pieces.push(piece)
    hash.update(piece)
  }
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  if (length !== bytes || Buffer.compare(hash.digest(), sha256) !== 0) return "different"
  await makeFolder(dirname(path))
  await rename(await writeNew(uploadFolder, partName(0, bytes), pieces), path)
  await syncFolder(dirname(path))
  return "sealed"
}

/**
 * Files in a folder of this machine: `uploads/ID/` with the parts that came in, `stored/AB/ID` when they are joined. Nodes that serve
 * the same database need the same folder.
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
        write: (id, offset, bytes) =>
          onDisk(async () => {
            const part = partName(offset, bytes.length)
            await writeNew(uploadOf(id), part, [bytes])
            return part
          }),
        seal: (file) => onDisk(() => joinParts(file, uploadOf(file.id), pathOf(keyOf(file.id)))),
        forget: (id) => onDisk(() => rm(uploadOf(id), { recursive: true, force: true })),
        remove: (key) =>
          onDisk(async () => {
            await rm(pathOf(key), { force: true })
            await unlessAbsent(syncFolder(dirname(pathOf(key))))
          }),
        read: (key, from, to) =>
          Effect.map(
            onDisk(async () => (await open(pathOf(key), "r")).close()),
            () =>
              Stream.unfold(from, (at) =>
                at >= to
                  ? Effect.succeed(undefined)
                  : Effect.map(
                      onDisk(() => readRange(pathOf(key), at, Math.min(downloadReadBytes, to - at))),
                      (bytes) => (bytes.length === 0 ? undefined : ([bytes, at + bytes.length] as const))
                    )
              )
          ),
        link: () => Effect.succeed(undefined)
      })
    })
  )
