import { createHash } from "node:crypto"
import { Effect, Layer, Stream } from "effect"
import { Limits } from "../../config/Limits.ts"
import { Bucket, type BucketPlace } from "./Bucket.ts"
import { FileStorage, type Sealed, StorageFailed, type WantedFile } from "./FileStorage.ts"
import { partName } from "./PartName.ts"

/**
 * Files in a bucket that speaks S3: `uploads/ID/` with an object for each part, `stored/AB/ID` when they are joined. The names are
 * those of `diskFileStorage`, so a folder of files can be copied into a bucket.
 */
export const bucketFileStorage = (place: BucketPlace): Layer.Layer<FileStorage> =>
  Layer.effect(
    FileStorage,
    Effect.gen(function* () {
      const limits = yield* Limits
      const bucket = new Bucket(place, limits)
      const uploadOf = (id: string): string => `uploads/${id}/`
      const pathOf = (key: string): string => `stored/${key}`
      const keyOf = (id: string): string => `${id.slice(-2)}/${id}`

      // Uploads answer 503 until it is there; everything else works.
      yield* Effect.forkScoped(
        Effect.catch(bucket.list("uploads/none"), ({ reason }) => Effect.logWarning("bucket_out_of_reach", reason))
      )

      const lengthOf = (key: string) => Effect.map(bucket.get(pathOf(key), 0, 1), (found) => found?.whole)

      /** Nothing takes a sealed file's place: what is there was right once. */
      const seal = Effect.fn("BucketFileStorage.seal")(function* ({ id, bytes, sha256, parts }: WantedFile) {
        const key = keyOf(id)
        if ((yield* lengthOf(key)) === bytes) return "sealed" satisfies Sealed
        const pieces = yield* Effect.forEach(parts, (part) => bucket.get(uploadOf(id) + part, 0, bytes), {
          concurrency: limits.bucketReadsAtOnceMax
        })
        const found = pieces.flatMap((piece) => (piece === undefined ? [] : [piece.bytes]))
        if (found.length < parts.length) return ((yield* lengthOf(key)) === bytes ? "sealed" : "lost") satisfies Sealed
        const whole = Buffer.concat(found)
        const isRight = whole.length === bytes && createHash("sha256").update(whole).digest().equals(sha256)
        if (!isRight) return "different" satisfies Sealed
        yield* bucket.put(pathOf(key), whole)
        return "sealed" satisfies Sealed
      })

      const forget = Effect.fn("BucketFileStorage.forget")(function* (id: string) {
        for (;;) {
          const keys = yield* bucket.list(uploadOf(id))
          if (keys.length === 0) return
          yield* Effect.forEach(keys, (key) => bucket.delete(key), {
            concurrency: limits.bucketReadsAtOnceMax,
            discard: true
          })
        }
      })

      const piecesOf = (key: string, from: number, to: number) =>
        Stream.unfold(from, (at) => {
          if (at >= to) return Effect.succeed(undefined)
          const end = Math.min(at + limits.bucketReadBytes, to)
          return Effect.flatMap(bucket.get(pathOf(key), at, end), (piece) =>
            piece?.bytes.length === end - at
              ? Effect.succeed([piece.bytes, end] as const)
              : Effect.fail(new StorageFailed({ reason: `${key} is not whole in the bucket ${bucket.name}` }))
          )
        })

      return FileStorage.of({
        bucket: bucket.name,
        keyOf,
        write: (id, offset, bytes) => {
          const part = partName(offset, bytes.length)
          return Effect.as(bucket.put(uploadOf(id) + part, bytes), part)
        },
        seal,
        forget,
        remove: (key) => bucket.delete(pathOf(key)),
        read: Effect.fn("BucketFileStorage.read")(function* (key: string, from: number, to: number) {
          if ((yield* lengthOf(key)) === undefined)
            return yield* new StorageFailed({ reason: `${key} is not in the bucket ${bucket.name}` })
          return piecesOf(key, from, to)
        }),
        link: ({ key, mime, disposition }, ttlS) =>
          bucket.link(pathOf(key), ttlS, {
            "content-type": mime,
            "content-disposition": disposition,
            "cache-control": "private, no-store"
          })
      })
    })
  )
