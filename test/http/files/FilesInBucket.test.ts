import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { bareId } from "../../../src/domain/Ids.ts"
import { bucketFileStorage } from "../../../src/persistence/files/BucketFileStorage.ts"
import { BucketDouble } from "../../kit/BucketDouble.ts"
import { storageOf } from "../../kit/FilePlaces.ts"
import { adminToken, call, newDriver } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"
import { beginUpload, hashOf, newPicture, sendPart, type UploadedFile, upload } from "../../kit/Uploads.ts"

let bucket: BucketDouble
let rest: RestServer
let linking: RestServer
let token: string

beforeAll(async () => {
  bucket = await BucketDouble.start()
  rest = await startRest({ files: storageOf(bucket, { bucketTryMs: 500 }) })
  linking = await startRest({ databaseUrl: rest.databaseUrl, files: bucketFileStorage(bucket.place) })
  token = (await newDriver(rest.url, await adminToken(rest.url))).token
})
afterAll(async () => {
  await linking.stop()
  await rest.stop()
  await bucket.goAway()
})
afterEach(() => {
  bucket.trouble = () => undefined
})

const linkTo = async (server: RestServer, id: string) =>
  (await call<{ url: string; expires_at: string }>(server.url, "GET", `/v1/files/${id}/download`, { token })).body

const stands = async (picture: Uint8Array): Promise<UploadedFile> => (await beginUpload(rest.url, token, picture)).body

describe("a bucket that is away", () => {
  it("acknowledges nothing, says when to come again, and loses nothing that was acknowledged", async () => {
    const picture = newPicture()
    const { id } = await stands(picture)
    expect((await sendPart(rest.url, token, id, 0, picture.subarray(0, 400))).status).toBe(200)
    const stored = await upload(rest.url, token, newPicture())
    const { url } = await linkTo(rest, stored.id)
    await bucket.goAway()
    const refused = await sendPart(rest.url, token, id, 400, picture.subarray(400))
    expect([refused.status, refused.body.code]).toEqual([503, "storage_unavailable"])
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0)
    const read = await fetch(url)
    expect([read.status, ((await read.json()) as { code: string }).code]).toEqual([503, "storage_unavailable"])
    expect(await stands(picture)).toMatchObject({ offset: 400, stored_at: null })
    await bucket.comeBack()
    expect((await sendPart(rest.url, token, id, 400, picture.subarray(400))).body.stored_at).not.toBeNull()
    expect((await fetch(url)).status).toBe(200)
  })

  it("holds no connection to the database up, however many wait for it", async () => {
    bucket.trouble = (method) => (method === "PUT" ? "hang" : undefined)
    const pictures = Array.from({ length: 40 }, () => newPicture())
    const begun = await Promise.all(pictures.map(stands))
    const waiting = begun.map(({ id }, index) => sendPart(rest.url, token, id, 0, pictures[index] ?? newPicture()))
    expect((await beginUpload(rest.url, token, newPicture())).status).toBe(201)
    expect(new Set((await Promise.all(waiting)).map(({ status }) => status))).toEqual(new Set([503]))
  })
})

describe("a bucket in trouble", () => {
  it.each([
    ["says SlowDown", "refuse"],
    ["breaks off before it has done anything", "cut_before"],
    ["breaks off when it has done it", "cut_after"],
    ["never answers", "hang"]
  ] as const)("that %s is asked again", async (_, trouble) => {
    const picture = newPicture()
    const troubled = new Set<string>()
    bucket.trouble = (method, key) => {
      const kind = `${method} ${key.split("/")[0]}`
      if (troubled.has(kind)) return undefined
      troubled.add(kind)
      return trouble
    }
    const { id } = await upload(rest.url, token, picture)
    expect([...troubled].sort()).toEqual(["GET stored", "GET uploads", "PUT stored", "PUT uploads"])
    bucket.trouble = () => undefined
    const bytes = new Uint8Array(await (await fetch((await linkTo(rest, id)).url)).arrayBuffer())
    expect(hashOf(bytes)).toBe(hashOf(picture))
  })

  it("whose keys are wrong is not taken for one that lost what it had", async () => {
    const picture = newPicture()
    const { id } = await stands(picture)
    bucket.trouble = (method, key) => (method === "PUT" && key.startsWith("stored/") ? "refuse" : undefined)
    expect((await sendPart(rest.url, token, id, 0, picture)).status).toBe(503)
    const other = await startRest({
      databaseUrl: rest.databaseUrl,
      files: bucketFileStorage({ ...bucket.place, bucket: "somebody-elses" })
    })
    try {
      const answer = await sendPart(other.url, token, id, picture.length, new Uint8Array())
      expect([answer.status, answer.body.code]).toEqual([503, "storage_unavailable"])
    } finally {
      await other.stop()
    }
    expect((await stands(picture)).offset).toBe(picture.length)
    bucket.trouble = () => undefined
    expect((await sendPart(rest.url, token, id, picture.length, new Uint8Array())).body.stored_at).not.toBeNull()
  })

  it("keeps no file whose parts are not what was announced", async () => {
    const picture = newPicture()
    const { id } = await stands(picture)
    await sendPart(rest.url, token, id, 0, picture.subarray(0, 400))
    const [part = ""] = bucket.keys(`uploads/${bareId("file", id)}/`)
    bucket.keep(part, newPicture(400))
    const answer = await sendPart(rest.url, token, id, 400, picture.subarray(400))
    expect([answer.status, answer.body.code, answer.headers.get("upload-offset")]).toEqual([
      422,
      "checksum_mismatch",
      "0"
    ])
    expect(bucket.keys("stored/").filter((key) => key.endsWith(bareId("file", id) ?? ""))).toEqual([])
    expect((await sendPart(rest.url, token, id, 0, picture)).body.stored_at).not.toBeNull()
  })
})

describe("a link of a server whose bucket the outside reaches", () => {
  it("leads to the bucket, names and types the file, and takes a range", async () => {
    const picture = newPicture()
    const begun = await beginUpload(rest.url, token, picture, { name: "Tür + (1).png" })
    const { id } = (await sendPart(rest.url, token, begun.body.id, 0, picture)).body
    const { url, expires_at } = await linkTo(linking, id)
    expect(new URL(url).origin).toBe(bucket.place.publicUrl)
    const response = await fetch(url)
    expect(hashOf(new Uint8Array(await response.arrayBuffer()))).toBe(hashOf(picture))
    expect([response.headers.get("content-type"), response.headers.get("content-disposition")]).toEqual([
      "image/png",
      `attachment; filename="T_r____1_.png"; filename*=UTF-8''T%C3%BCr%20%2B%20%281%29.png`
    ])
    expect(Date.parse(expires_at)).toBeGreaterThan(Date.now())
    const part = await fetch(url, { headers: { range: "bytes=10-19" } })
    expect([part.status, part.headers.get("content-range")]).toEqual([206, "bytes 10-19/1000"])
  })

  it("opens this one file, until it expires", async () => {
    const { id } = await upload(rest.url, token, newPicture())
    const other = await upload(rest.url, token, newPicture())
    const { url } = await linkTo(linking, id)
    const keyOf = (file: string): string => bareId("file", file) ?? ""
    expect((await fetch(url.replaceAll(keyOf(id), keyOf(other.id)))).status).toBe(403)
    expect((await fetch(url.replace("image%2Fpng", "text%2Fhtml"))).status).toBe(403)
    const old = await startRest({
      databaseUrl: rest.databaseUrl,
      files: bucketFileStorage(bucket.place),
      limits: { downloadLinkTtlS: -10 }
    })
    try {
      expect((await fetch((await linkTo(old, id)).url)).status).toBe(403)
    } finally {
      await old.stop()
    }
  })

  it("names the bucket in its host when that is asked for", async () => {
    const { id } = await upload(rest.url, token, newPicture())
    const hosted = await startRest({
      databaseUrl: rest.databaseUrl,
      files: bucketFileStorage({ ...bucket.place, isPathStyle: false, publicUrl: "https://s3.example" })
    })
    try {
      const { url } = await linkTo(hosted, id)
      expect(url).toMatch(/^https:\/\/test-files\.s3\.example\/stored\//)
      expect(BucketDouble.faultOfLink(url)).toBeUndefined()
      expect(BucketDouble.faultOfLink(url.replace("test-files.", "other-files."))).toBe("SignatureDoesNotMatch")
    } finally {
      await hosted.stop()
    }
  })
})
