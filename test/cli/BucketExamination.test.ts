import { Effect, Redacted } from "effect"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { examineBucket } from "../../src/cli/doctor/BucketExamination.ts"
import type { Env } from "../../src/config/Env.ts"
import { defaultLimits } from "../../src/config/Limits.ts"
import { BucketDouble } from "../kit/BucketDouble.ts"
import { testEnv } from "../kit/TestEnv.ts"

let bucket: BucketDouble
let set: Partial<Env>

beforeAll(async () => {
  bucket = await BucketDouble.start()
  const { endpoint, bucket: name, accessKey, secretKey, region, publicUrl } = bucket.place
  set = {
    filesEndpoint: endpoint,
    filesBucket: name,
    filesAccessKey: accessKey,
    filesSecretKey: secretKey,
    filesRegion: region,
    filesPublicUrl: publicUrl
  }
})
afterAll(() => bucket.goAway())
afterEach(() => expect(bucket.keys()).toEqual([]))

const examine = (changed: Partial<Env> = {}) =>
  Effect.runPromise(examineBucket({ ...testEnv, ...set, ...changed }, { ...defaultLimits, bucketTryMs: 1_000 }))

describe("doctor", () => {
  it("says nothing of a bucket that nobody asked for", async () => {
    expect(await Effect.runPromise(examineBucket(testEnv, defaultLimits))).toEqual([])
  })

  it("tries the bucket and its links out, and leaves nothing behind", async () => {
    const findings = await examine()
    expect(findings.map(({ check, verdict }) => [check, verdict])).toEqual([
      ["bucket", "ok"],
      ["bucket links", "ok"]
    ])
  })

  it.each([
    ["another bucket", { filesBucket: "not-there" }, /404 NoSuchBucket/, /FILES_S3_BUCKET/],
    ["a wrong secret", { filesSecretKey: Redacted.make("x") }, /403 SignatureDoesNotMatch/, /FILES_S3_SECRET_KEY/],
    ["an unknown key", { filesAccessKey: "x" }, /403 InvalidAccessKeyId/, /FILES_S3_ACCESS_KEY/],
    ["another region", { filesRegion: "mars-1" }, /400 AuthorizationHeaderMalformed/, /FILES_S3_REGION/],
    ["nobody at its address", { filesEndpoint: "http://127.0.0.1:1" }, /127\.0\.0\.1:1/, /FILES_S3_ENDPOINT/],
    ["a bucket before an IP address", { filesBucketIn: "host" }, /FILES_S3_BUCKET_IN must be path/, /set them/],
    ["half of its variables", { filesAccessKey: undefined }, /FILES_S3_ACCESS_KEY must be too/, /set them/]
  ] as const)("says what to do about %s", async (_, changed, found, advice) => {
    const [finding] = await examine(changed)
    expect(finding).toMatchObject({ check: "bucket", verdict: "fail" })
    expect(finding?.found).toMatch(found)
    expect(finding?.advice).toMatch(advice)
    expect(JSON.stringify(finding)).not.toContain("test/secret+key")
  })

  it("warns of links that lead nowhere", async () => {
    const findings = await examine({ filesPublicUrl: "http://127.0.0.1:1" })
    expect(findings.map(({ verdict }) => verdict)).toEqual(["ok", "warn"])
  })
})
