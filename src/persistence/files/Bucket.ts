import { createHash } from "node:crypto"
import { AwsV4Signer } from "aws4fetch"
import { Duration, Effect, Redacted, Schedule } from "effect"
import type { Limits } from "../../config/Limits.ts"
import { StorageFailed } from "./FileStorage.ts"

/** Where a bucket is, and who we are there. */
export interface BucketPlace {
  /** `https://s3.eu-central-1.amazonaws.com`: without a path. */
  readonly endpoint: string
  readonly bucket: string
  readonly region: string
  readonly accessKey: string
  readonly secretKey: Redacted.Redacted
  /** `ENDPOINT/BUCKET/KEY` instead of `BUCKET.ENDPOINT/KEY`. */
  readonly isPathStyle: boolean
  /** How browsers reach the endpoint. Undefined: not at all. */
  readonly publicUrl: string | undefined
}

interface Asked {
  readonly method: "GET" | "PUT" | "DELETE"
  /** Of an object; empty for the bucket itself. */
  readonly key: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

/** What the bucket answered, read to its end. `code` is S3's word for a refusal, empty when it said none. */
interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Uint8Array
  readonly code: string
}

type BucketLimits = Pick<Limits, "bucketTryMs" | "bucketTries" | "bucketRetryMs" | "bucketBytesPerSMin">

const addressOf = (place: BucketPlace, base: string, key: string): URL => {
  const url = new URL(base)
  if (place.isPathStyle) url.pathname = key === "" ? `/${place.bucket}` : `/${place.bucket}/${key}`
  else {
    url.hostname = `${place.bucket}.${url.hostname}`
    url.pathname = `/${key}`
  }
  return url
}

const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

const codeIn = (bytes: Uint8Array): string =>
  /<Code>([A-Za-z0-9]{1,100})<\/Code>/.exec(Buffer.from(bytes.subarray(0, 4_096)).toString("utf8"))?.[1] ?? ""

const causeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  // What fetch throws says what happened only in its cause.
  const { cause } = error
  if (!(cause instanceof Error)) return error.message
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.message
}

const isPassing = (status: number): boolean => status >= 500 || status === 429 || status === 408

/** Requests to one bucket by the protocol of S3 with signature version 4. Each is bounded, and tried again when that may help. */
export class Bucket {
  readonly name: string
  private readonly place: BucketPlace
  private readonly limits: BucketLimits

  constructor(place: BucketPlace, limits: BucketLimits) {
    this.name = place.bucket
    this.place = place
    this.limits = limits
  }

  /** Keeps an object; the bucket compares the bytes with their hash before it does. */
  put(key: string, body: Uint8Array): Effect.Effect<void, StorageFailed> {
    return Effect.asVoid(this.succeed({ method: "PUT", key, body }, body.length))
  }

  /** Bytes `from` to `to` (exclusive), `whole` being the object's length; undefined when there is no such object. */
  get(
    key: string,
    from: number,
    to: number
  ): Effect.Effect<{ readonly bytes: Uint8Array; readonly whole: number } | undefined, StorageFailed> {
    const asked: Asked = { method: "GET", key, headers: { range: `bytes=${from}-${to - 1}` } }
    return Effect.flatMap(this.ask(asked, to - from), (answer) => {
      if (answer.status === 404 && answer.code === "NoSuchKey") return Effect.succeed(undefined)
      const whole = /^bytes (\d+)-\d+\/(\d+)$/.exec(answer.headers.get("content-range") ?? "")
      if (answer.status !== 206 || whole === null || Number(whole[1]) !== from) return this.refused(asked, answer)
      return Effect.succeed({ bytes: answer.bytes, whole: Number(whole[2]) })
    })
  }

  /** Removes an object; one that is not there is removed. */
  delete(key: string): Effect.Effect<void, StorageFailed> {
    return Effect.asVoid(this.succeed({ method: "DELETE", key }))
  }

  /** Keys that begin so, at most a thousand. */
  list(prefix: string): Effect.Effect<ReadonlyArray<string>, StorageFailed> {
    const asked: Asked = { method: "GET", key: "", query: { "list-type": "2", "encoding-type": "url", prefix } }
    return Effect.map(this.succeed(asked), ({ bytes }) =>
      [
        ...Buffer.from(bytes)
          .toString("utf8")
          .matchAll(/<Key>([^<]*)<\/Key>/g)
      ].map(([, key]) => decodeURIComponent((key ?? "").replaceAll("+", " ")))
    )
  }

  /** A link that anybody may read one object by for so many seconds, with the headers it is to be answered with; undefined without a public URL. */
  link(key: string, ttlS: number, answer: Readonly<Record<string, string>>): Effect.Effect<string | undefined> {
    const { publicUrl } = this.place
    if (publicUrl === undefined) return Effect.succeed(undefined)
    const url = addressOf(this.place, publicUrl, key)
    for (const [name, value] of Object.entries(answer)) url.searchParams.set(`response-${name}`, value)
    url.searchParams.set("X-Amz-Expires", String(ttlS))
    // A space as %20: whoever checks the signature may take a plus for a plus.
    return Effect.map(
      Effect.promise(() => this.signed("GET", url, {}, true)),
      (signed) => signed.url.href.replaceAll("+", "%20")
    )
  }

  private signed(method: string, url: URL, headers: Readonly<Record<string, string>>, signQuery: boolean) {
    const { accessKey: accessKeyId, secretKey, region } = this.place
    const secretAccessKey = Redacted.value(secretKey)
    const asked = { method, url: url.href, headers: { ...headers }, service: "s3" }
    return new AwsV4Signer({ ...asked, accessKeyId, secretAccessKey, region, signQuery }).sign()
  }

  private succeed(asked: Asked, sizeHint = 0): Effect.Effect<Answered, StorageFailed> {
    return Effect.flatMap(this.ask(asked, sizeHint), (answer) =>
      answer.status < 300 ? Effect.succeed(answer) : this.refused(asked, answer)
    )
  }

  private refused(asked: Asked, { status, code }: Answered): Effect.Effect<never, StorageFailed> {
    const reason = `${this.nameOf(asked)}: answered ${status} ${code}`.trimEnd()
    return Effect.fail(new StorageFailed({ reason }))
  }

  private ask(asked: Asked, sizeHint: number): Effect.Effect<Answered, StorageFailed> {
    const { bucketTryMs, bucketTries, bucketRetryMs, bucketBytesPerSMin } = this.limits
    const tryMs = Math.ceil(bucketTryMs + (sizeHint / bucketBytesPerSMin) * 1_000)
    return Effect.tryPromise({
      try: (interrupted) => this.attempt(asked, AbortSignal.any([interrupted, AbortSignal.timeout(tryMs)])),
      catch: (error) => new StorageFailed({ reason: causeOf(error) })
    }).pipe(
      Effect.filterOrFail(
        ({ status }) => !isPassing(status),
        ({ status, code }) => new StorageFailed({ reason: `answered ${status} ${code}`.trimEnd() })
      ),
      Effect.retry(
        Schedule.exponential(Duration.millis(bucketRetryMs)).pipe(
          Schedule.jittered,
          Schedule.upTo({ times: bucketTries - 1 })
        )
      ),
      Effect.mapError(({ reason }) => new StorageFailed({ reason: `${this.nameOf(asked)}: ${reason}` }))
    )
  }

  private nameOf({ method, key }: Asked): string {
    return `${method}${key === "" ? "" : ` ${key}`} in the bucket ${this.name} at ${this.place.endpoint}`
  }

  private async attempt({ method, key, query, headers, body }: Asked, signal: AbortSignal): Promise<Answered> {
    const url = addressOf(this.place, this.place.endpoint, key)
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value)
    const hashed = { ...headers, "x-amz-content-sha256": sha256Of(body ?? new Uint8Array()) }
    const signed = await this.signed(method, url, hashed, false)
    const response = await fetch(signed.url, {
      method,
      headers: signed.headers,
      redirect: "manual",
      signal,
      ...(body === undefined ? {} : { body: new Uint8Array(body) })
    })
    const bytes = new Uint8Array(await response.arrayBuffer())
    const code = response.status < 300 ? "" : codeIn(bytes)
    return { status: response.status, headers: response.headers, bytes, code }
  }
}
