import { randomBytes } from "node:crypto"
import { Effect } from "effect"
import type { Env } from "../../config/Env.ts"
import type { Limits } from "../../config/Limits.ts"
import { Bucket, type BucketPlace } from "../../persistence/files/Bucket.ts"
import { StorageFailed } from "../../persistence/files/FileStorage.ts"
import { bucketOf } from "../BucketOf.ts"
import { type Finding, fail, ok, warn } from "./Examination.ts"

/** What S3 says, and what is to be done. */
const advices: ReadonlyArray<readonly [said: RegExp, advice: string]> = [
  [/NoSuchBucket/, "make the bucket, or correct FILES_S3_BUCKET"],
  [
    /InvalidAccessKeyId|SignatureDoesNotMatch/,
    "correct FILES_S3_ACCESS_KEY and FILES_S3_SECRET_KEY; a proxy in between must keep the Host header"
  ],
  [
    /AuthorizationHeaderMalformed|PermanentRedirect|TemporaryRedirect|answered 30\d/,
    "correct FILES_S3_REGION, and FILES_S3_ENDPOINT with it"
  ],
  [/RequestTimeTooSkewed/, "let this machine and the bucket's follow the same time servers"],
  [/AccessDenied|answered 403/, "allow the key to get, put and delete objects and to list the bucket"]
]

const adviceFor = (reason: string): string =>
  advices.find(([said]) => said.test(reason))?.[1] ?? "start it, or correct FILES_S3_ENDPOINT"

/** Writes, reads, lists and removes one object, as files will be. */
const tryOut = Effect.fnUntraced(function* (bucket: Bucket, key: string) {
  const bytes = new Uint8Array(randomBytes(32))
  yield* bucket.put(key, bytes)
  const found = yield* bucket.get(key, 0, bytes.length)
  if (found === undefined || Buffer.compare(found.bytes, bytes) !== 0)
    return yield* new StorageFailed({ reason: `${key} was not what had been written` })
  const listed = yield* bucket.list(key)
  if (!listed.includes(key)) return yield* new StorageFailed({ reason: `${key} was not in the list` })
})

/** Whether a link leads to the bucket, seen from this machine. */
const tryLink = Effect.fnUntraced(function* (bucket: Bucket, place: BucketPlace, key: string, waitMs: number) {
  const link = yield* bucket.link(key, 60, { "content-type": "application/octet-stream" })
  if (link === undefined) return []
  const check = "bucket links"
  const status = yield* Effect.tryPromise(() => fetch(link, { signal: AbortSignal.timeout(waitMs) })).pipe(
    Effect.map((response) => response.status),
    Effect.orElseSucceed(() => undefined)
  )
  if (status === 200) return [ok(check, `open at ${place.publicUrl}`)]
  const found = status === undefined ? `${place.publicUrl} did not answer` : `${place.publicUrl} answered ${status}`
  return [warn(check, found, "make FILES_S3_PUBLIC_URL an address where browsers reach the bucket, or leave it out")]
})

/** Looks at the bucket that files go to, leaving nothing in it; nothing to say when they lie in the home folder. */
export const examineBucket = (env: Env, limits: Limits): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.gen(function* () {
    const place = yield* bucketOf(env)
    if (place === undefined) return []
    const bucket = new Bucket(place, { ...limits, bucketTries: 1 })
    const key = `uploads/doctor-${randomBytes(8).toString("hex")}`
    const seen = yield* tryOut(bucket, key).pipe(
      Effect.andThen(tryLink(bucket, place, key, limits.bucketTryMs)),
      Effect.ensuring(Effect.ignore(bucket.delete(key)))
    )
    yield* bucket.delete(key)
    return [ok("bucket", `${place.bucket} at ${place.endpoint} can be written, read, listed and cleared`), ...seen]
  }).pipe(
    Effect.catchTag("StorageFailed", ({ reason }) => Effect.succeed([fail("bucket", reason, adviceFor(reason))])),
    Effect.catchTag("CommandFailed", ({ message }) =>
      Effect.succeed([fail("bucket", message, "set them as docs/OPERATING.md says, or none of them")])
    )
  )
