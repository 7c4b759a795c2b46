import { readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Layer } from "effect"
import { defaultLimits, Limits } from "../../src/config/Limits.ts"
import { bucketFileStorage } from "../../src/persistence/files/BucketFileStorage.ts"
import { diskFileStorage } from "../../src/persistence/files/DiskFileStorage.ts"
import type { FileStorage } from "../../src/persistence/files/FileStorage.ts"
import { BucketDouble } from "./BucketDouble.ts"
import { testFilesFolder } from "./TestFiles.ts"

/** A storage of files that a test looks into: `uploads/ID/PART` and `stored/AB/ID`. */
export interface FilePlace {
  readonly storage: Layer.Layer<FileStorage>
  readonly keys: (prefix: string) => ReadonlyArray<string>
  readonly drop: (key: string) => void
  readonly close: () => Promise<void>
}

const openFolder = async (): Promise<FilePlace> => {
  const folder = testFilesFolder()
  return {
    storage: diskFileStorage(folder),
    keys: (prefix) =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
        .filter((key) => key.startsWith(prefix))
        .sort(),
    drop: (key) => rmSync(join(folder, key)),
    close: async () => undefined
  }
}

/** The storage of a double, which tries again without much waiting. */
export const storageOf = (double: BucketDouble, limits: Partial<Limits> = {}): Layer.Layer<FileStorage> =>
  bucketFileStorage({ ...double.place, publicUrl: undefined }).pipe(
    Layer.provide(Layer.succeed(Limits, { ...defaultLimits, bucketRetryMs: 5, ...limits }))
  )

const openBucket = async (): Promise<FilePlace> => {
  const double = await BucketDouble.start()
  return {
    storage: storageOf(double),
    keys: (prefix) => double.keys(prefix),
    drop: (key) => double.drop(key),
    close: () => double.goAway()
  }
}

/** Every kind of storage there is. */
export const filePlaces = [
  ["a folder", openFolder],
  ["a bucket", openBucket]
] as const
