import { createHash, createHmac, randomUUID, timingSafeEqual } from "node:crypto"
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { Redacted } from "effect"
import type { BucketPlace } from "../../src/persistence/files/Bucket.ts"
import { testFilesFolder } from "./TestFiles.ts"

/** What goes wrong with one request: refused before anything happened, cut off before or after it happened, or never answered. */
export type BucketTrouble = "refuse" | "cut_before" | "cut_after" | "hang"

/** One request that reached the double, and what S3 would have said. */
export interface BucketRequest {
  readonly method: string
  readonly key: string
  status: number
}

interface Refused {
  readonly status: number
  readonly code: string
}

/** A request as its signature sees it. */
export interface Signed {
  readonly method: string
  readonly path: string
  readonly query: ReadonlyArray<readonly [string, string]>
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

const accessKey = "TESTACCESSKEY"
const secretKey = "test/secret+key"
const region = "eu-test-1"
const skewMsMax = 15 * 60_000

const hexHash = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex")
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest()

// RFC 3986, as the algorithm asks for it.
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The signature of version 4, from the published algorithm and from nothing of the library that signs. */
export const signatureOf = (
  asked: Signed,
  date: string,
  signedHeaders: string,
  payload: string,
  signer: { readonly secretKey: string; readonly region: string } = { secretKey, region }
): string => {
  const query = asked.query
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort(byName)
    .join("&")
  const headers = signedHeaders
    .split(";")
    .map((name) => `${name}:${(asked.headers.get(name) ?? "").trim().replace(/ +/g, " ")}\n`)
    .join("")
  const path = asked.path.split("/").map(encoded).join("/")
  const canonical = [asked.method, path, query, headers, signedHeaders, payload].join("\n")
  const scope = `${date.slice(0, 8)}/${signer.region}/s3/aws4_request`
  const toSign = ["AWS4-HMAC-SHA256", date, scope, hexHash(canonical)].join("\n")
  const day = hmac(`AWS4${signer.secretKey}`, date.slice(0, 8))
  const key = [signer.region, "s3", "aws4_request"].reduce<Buffer>(hmac, day)
  return hmac(key, toSign).toString("hex")
}

const isSame = (given: string, right: string): boolean =>
  given.length === right.length && timingSafeEqual(Buffer.from(given), Buffer.from(right))

const timeOf = (date: string): number =>
  Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"))

const credentialFault = (credential: string, date: string): Refused | undefined => {
  const [id, ...scope] = credential.split("/")
  if (id !== accessKey) return { status: 403, code: "InvalidAccessKeyId" }
  return scope.join("/") === `${date.slice(0, 8)}/${region}/s3/aws4_request`
    ? undefined
    : { status: 400, code: "AuthorizationHeaderMalformed" }
}

const linkFault = (asked: Signed): Refused | undefined => {
  const of = (name: string): string => asked.query.find(([each]) => each === name)?.[1] ?? ""
  const date = of("X-Amz-Date")
  const wrong = credentialFault(of("X-Amz-Credential"), date)
  if (wrong !== undefined) return wrong
  const endsMs = timeOf(date) + Number(of("X-Amz-Expires")) * 1_000
  if (!(Date.now() < endsMs)) return { status: 403, code: "AccessDenied" }
  const right = signatureOf(asked, date, of("X-Amz-SignedHeaders"), "UNSIGNED-PAYLOAD")
  return isSame(of("X-Amz-Signature"), right) ? undefined : { status: 403, code: "SignatureDoesNotMatch" }
}

const headerFault = (asked: Signed): Refused | undefined => {
  const given = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
    asked.headers.get("authorization") ?? ""
  )
  if (given === null) return { status: 403, code: "AccessDenied" }
  const [, credential = "", signedHeaders = "", signature = ""] = given
  const date = asked.headers.get("x-amz-date") ?? ""
  const wrong = credentialFault(credential, date)
  if (wrong !== undefined) return wrong
  if (!(Math.abs(timeOf(date) - Date.now()) < skewMsMax)) return { status: 403, code: "RequestTimeTooSkewed" }
  const names = signedHeaders.split(";")
  const mustBeSigned = [...asked.headers.keys()].filter((name) => name === "host" || name.startsWith("x-amz-"))
  if (mustBeSigned.some((name) => !names.includes(name))) return { status: 403, code: "AccessDenied" }
  const payload = asked.headers.get("x-amz-content-sha256") ?? ""
  if (payload !== hexHash(asked.body)) return { status: 400, code: "XAmzContentSHA256Mismatch" }
  const right = signatureOf(asked, date, signedHeaders, payload)
  return isSame(signature, right) ? undefined : { status: 403, code: "SignatureDoesNotMatch" }
}

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/**
 * What S3 does with the requests of `Bucket`, strictly: every signature is computed again from the published algorithm, bodies must
 * have the hash that was signed, and nothing unsigned is answered. One bucket, addressed in the path, with its objects on the disk.
 */
export class BucketDouble {
  readonly requests: Array<BucketRequest> = []
  /** Asked before each request. */
  trouble: (method: string, key: string) => BucketTrouble | undefined = () => undefined
  private readonly folder = testFilesFolder()
  private readonly server: Server
  private port = 0

  private constructor() {
    this.server = createServer((request, response) => {
      void this.answer(request, response).catch(() => response.destroy())
    })
  }

  static async start(): Promise<BucketDouble> {
    const double = new BucketDouble()
    await double.comeBack()
    return double
  }

  /** As the server under test is told of it; links lead here too. */
  get place(): BucketPlace & { readonly publicUrl: string } {
    const endpoint = `http://127.0.0.1:${this.port}`
    const key = Redacted.make(secretKey)
    const bucket = "test-files"
    return { endpoint, bucket, region, accessKey, secretKey: key, isPathStyle: true, publicUrl: endpoint }
  }

  /** The same for a server's environment. */
  get environment(): Readonly<Record<string, string>> {
    return {
      FILES_S3_ENDPOINT: this.place.endpoint,
      FILES_S3_BUCKET: this.place.bucket,
      FILES_S3_ACCESS_KEY: accessKey,
      FILES_S3_SECRET_KEY: secretKey,
      FILES_S3_REGION: region
    }
  }

  /** Keys that begin so. */
  keys(prefix = ""): ReadonlyArray<string> {
    return readdirSync(this.folder)
      .map(decodeURIComponent)
      .filter((key) => key.startsWith(prefix))
      .sort(byName)
  }

  bytesOf(key: string): Buffer {
    return readFileSync(this.pathOf(key))
  }

  keep(key: string, bytes: Uint8Array): void {
    const aside = `${this.folder}.new`
    mkdirSync(aside, { recursive: true })
    const attempt = join(aside, randomUUID())
    writeFileSync(attempt, bytes)
    renameSync(attempt, this.pathOf(key))
  }

  drop(key: string): void {
    rmSync(this.pathOf(key), { force: true })
  }

  /** Nothing listens any more; its objects stay. */
  async goAway(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }

  /** Listens where it did before. */
  async comeBack(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(this.port, "127.0.0.1", resolve))
    this.port = (this.server.address() as AddressInfo).port
  }

  /** What a link's signature is worth; for links to addresses that nobody listens at. */
  static faultOfLink(link: string): string | undefined {
    const url = new URL(link)
    const headers = new Map([["host", url.host]])
    const path = decodeURIComponent(url.pathname)
    return linkFault({ method: "GET", path, query: [...url.searchParams], headers, body: Buffer.alloc(0) })?.code
  }

  private pathOf(key: string): string {
    return join(this.folder, encodeURIComponent(key))
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? ""
    const url = new URL(request.url ?? "/", this.place.endpoint)
    const path = decodeURIComponent(url.pathname)
    const [, bucket = "", ...rest] = path.split("/")
    const key = rest.join("/")
    const seen: BucketRequest = { method, key, status: 0 }
    this.requests.push(seen)
    const trouble = this.trouble(method, key)
    if (trouble === "cut_before") return void response.destroy()
    const body = await bodyOf(request)
    if (trouble === "hang") return
    const headers = new Map(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    const asked: Signed = { method, path, query: [...url.searchParams], headers, body }
    const fault = url.searchParams.has("X-Amz-Signature") ? linkFault(asked) : headerFault(asked)
    const refuse = ({ status, code }: Refused): void => {
      seen.status = status
      response.writeHead(status, { "content-type": "application/xml" })
      response.end(`<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>no</Message></Error>`)
    }
    if (trouble === "refuse") return refuse({ status: 503, code: "SlowDown" })
    if (fault !== undefined) return refuse(fault)
    if (bucket !== this.place.bucket) return refuse({ status: 404, code: "NoSuchBucket" })
    const done = this.carryOut(asked, key, url, refuse, response)
    if (trouble === "cut_after") return void response.destroy()
    seen.status = seen.status === 0 ? response.statusCode : seen.status
    done()
  }

  /** Does it; answers what sends the answer. */
  private carryOut(
    { method, headers, body }: Signed,
    key: string,
    url: URL,
    refuse: (refused: Refused) => void,
    response: ServerResponse
  ): () => void {
    if (method === "PUT" && key !== "") {
      if (headers.get("content-length") === undefined)
        return () => refuse({ status: 411, code: "MissingContentLength" })
      this.keep(key, body)
      return () => response.writeHead(200, { etag: `"${hexHash(body).slice(0, 32)}"` }).end()
    }
    if (method === "DELETE" && key !== "") {
      this.drop(key)
      return () => response.writeHead(204).end()
    }
    if (method !== "GET") return () => refuse({ status: 405, code: "MethodNotAllowed" })
    if (key === "") return () => this.list(url, refuse, response)
    if (!this.keys().includes(key)) return () => refuse({ status: 404, code: "NoSuchKey" })
    return () => this.send(key, url, headers.get("range"), refuse, response)
  }

  private list(url: URL, refuse: (refused: Refused) => void, response: ServerResponse): void {
    if (url.searchParams.get("list-type") !== "2") return refuse({ status: 501, code: "NotImplemented" })
    const found = this.keys(url.searchParams.get("prefix") ?? "")
    const contents = found.slice(0, 1_000).map((key) => `<Contents><Key>${encodeURIComponent(key)}</Key></Contents>`)
    response.writeHead(200, { "content-type": "application/xml" })
    response.end(
      `<ListBucketResult><Name>${this.place.bucket}</Name><IsTruncated>${found.length > 1_000}</IsTruncated>${contents.join("")}</ListBucketResult>`
    )
  }

  private send(
    key: string,
    url: URL,
    range: string | undefined,
    refuse: (refused: Refused) => void,
    response: ServerResponse
  ): void {
    const bytes = this.bytesOf(key)
    const asked = /^bytes=(\d+)-(\d*)$/.exec(range ?? "")
    const from = Number(asked?.[1] ?? 0)
    const to = asked?.[2] ? Math.min(bytes.length, Number(asked[2]) + 1) : bytes.length
    if (from >= bytes.length) return refuse({ status: 416, code: "InvalidRange" })
    const overrides = [...url.searchParams]
      .filter(([name]) => name.startsWith("response-"))
      .map(([name, value]) => [name.slice("response-".length), value])
    response.writeHead(asked === null ? 200 : 206, {
      "content-length": to - from,
      ...(asked === null ? {} : { "content-range": `bytes ${from}-${to - 1}/${bytes.length}` }),
      ...Object.fromEntries(overrides)
    })
    response.end(bytes.subarray(from, to))
  }
}
