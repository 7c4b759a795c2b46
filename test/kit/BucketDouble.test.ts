import { describe, expect, it } from "vitest"
import { signatureOf } from "./BucketDouble.ts"

// The examples of the Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)".
const signer = { secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region: "us-east-1" }
const date = "20130524T000000Z"
const host = "examplebucket.s3.amazonaws.com"
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

const read = (
  path: string,
  query: ReadonlyArray<readonly [string, string]>,
  headers: Readonly<Record<string, string>>
) => ({ method: "GET", path, query, headers: new Map(Object.entries({ host, ...headers })), body: Buffer.alloc(0) })

describe("the signature that the double expects", () => {
  it("is the published one of a read with a range", () => {
    const headers = { range: "bytes=0-9", "x-amz-content-sha256": emptyHash, "x-amz-date": date }
    const names = "host;range;x-amz-content-sha256;x-amz-date"
    expect(signatureOf(read("/test.txt", [], headers), date, names, emptyHash, signer)).toBe(
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )
  })

  it("is the published one of a list", () => {
    const headers = { "x-amz-content-sha256": emptyHash, "x-amz-date": date }
    const query = [
      ["max-keys", "2"],
      ["prefix", "J"]
    ] as const
    expect(
      signatureOf(read("/", query, headers), date, "host;x-amz-content-sha256;x-amz-date", emptyHash, signer)
    ).toBe("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
  })

  it("is the published one of a link", () => {
    const query = [
      ["X-Amz-Algorithm", "AWS4-HMAC-SHA256"],
      ["X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"],
      ["X-Amz-Date", date],
      ["X-Amz-Expires", "86400"],
      ["X-Amz-SignedHeaders", "host"]
    ] as const
    expect(signatureOf(read("/test.txt", query, {}), date, "host", "UNSIGNED-PAYLOAD", signer)).toBe(
      "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
  })
})
