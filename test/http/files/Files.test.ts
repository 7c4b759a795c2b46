import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { bareId } from "../../../src/domain/Ids.ts"
import { type FilePlace, filePlaces } from "../../kit/FilePlaces.ts"
import { adminToken, call, newCustomer, newDriver } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"
import { beginUpload, hashOf, newPicture, sendPart, type UploadedFile, upload } from "../../kit/Uploads.ts"

describe.each(filePlaces)("in %s,", (_, openPlace) => {
  let place: FilePlace
  let rest: RestServer
  let admin: string
  let driver: { readonly id: string; readonly token: string }
  let customer: string

  beforeAll(async () => {
    place = await openPlace()
    rest = await startRest({ files: place.storage })
    admin = await adminToken(rest.url)
    driver = await newDriver(rest.url, admin)
    customer = (await newCustomer(rest.url)).access_token
  })
  afterAll(async () => {
    await rest.stop()
    await place.close()
  })

  const stateOf = (id: string, token: string, method = "GET") =>
    call<UploadedFile>(rest.url, method, `/v1/files/${id}`, { token })

  const linkTo = async (id: string, token: string): Promise<string> =>
    (await call<{ url: string }>(rest.url, "GET", `/v1/files/${id}/download`, { token })).body.url

  describe("an upload", () => {
    it("in parts goes on where it stands, is stored when its hash agrees, and comes back byte for byte", async () => {
      const picture = newPicture(200_000)
      const begun = await beginUpload(rest.url, driver.token, picture, { name: "Tür (1).png" })
      expect([begun.status, begun.body]).toEqual([201, expect.objectContaining({ offset: 0, stored_at: null })])
      const { id } = begun.body
      const first = await sendPart(rest.url, driver.token, id, 0, picture.subarray(0, 70_000))
      expect([first.status, first.headers.get("upload-offset"), first.body.stored_at]).toEqual([200, "70000", null])
      const head = await stateOf(id, driver.token, "HEAD")
      expect([head.status, head.headers.get("upload-offset"), head.headers.get("upload-length")]).toEqual([
        200,
        "70000",
        "200000"
      ])
      const last = await sendPart(rest.url, driver.token, id, 70_000, picture.subarray(70_000))
      expect(last.body).toMatchObject({ offset: 200_000, stored_at: expect.any(String) })
      const response = await fetch(await linkTo(id, driver.token))
      expect(hashOf(new Uint8Array(await response.arrayBuffer()))).toBe(hashOf(picture))
      expect(response.headers.get("content-type")).toBe("image/png")
      expect(response.headers.get("x-content-type-options")).toBe("nosniff")
      expect(response.headers.get("content-disposition")).toBe(
        `attachment; filename="T_r__1_.png"; filename*=UTF-8''T%C3%BCr%20%281%29.png`
      )
    })

    it("at another offset is told the true one and changes nothing", async () => {
      const picture = newPicture()
      const { id } = (await beginUpload(rest.url, driver.token, picture)).body
      await sendPart(rest.url, driver.token, id, 0, picture.subarray(0, 400))
      for (const offset of [0, 399, 401, 1_000]) {
        const answer = await sendPart(rest.url, driver.token, id, offset, picture.subarray(offset))
        expect([answer.status, answer.body.code, answer.headers.get("upload-offset")]).toEqual([
          409,
          "upload_offset_differs",
          "400"
        ])
      }
      expect((await sendPart(rest.url, driver.token, id, 400, picture.subarray(400))).body.stored_at).not.toBeNull()
    })

    it("whose bytes have another hash is refused and begins anew", async () => {
      const picture = newPicture()
      const { id } = (await beginUpload(rest.url, driver.token, picture)).body
      const wrong = await sendPart(rest.url, driver.token, id, 0, newPicture())
      expect([wrong.status, wrong.body.code, wrong.headers.get("upload-offset")]).toEqual([
        422,
        "checksum_mismatch",
        "0"
      ])
      expect((await stateOf(id, driver.token)).body).toMatchObject({ offset: 0, stored_at: null })
      expect((await sendPart(rest.url, driver.token, id, 0, picture)).body.stored_at).not.toBeNull()
    })

    it("of the same bytes by the same person is the same file, and by another one another", async () => {
      const picture = newPicture()
      const file = await upload(rest.url, driver.token, picture)
      const again = await beginUpload(rest.url, driver.token, picture)
      expect(again.body).toMatchObject({ id: file.id, offset: picture.length, stored_at: file.stored_at })
      expect((await upload(rest.url, customer, picture)).id).not.toBe(file.id)
    })

    it("by two at once ends as one whole file", async () => {
      const picture = newPicture(300_000)
      const send = async (): Promise<void> => {
        for (let tries = 0; tries < 100; tries++) {
          const { id, offset, stored_at } = (await beginUpload(rest.url, driver.token, picture)).body
          if (stored_at !== null) return
          await sendPart(rest.url, driver.token, id, offset, picture.subarray(offset, offset + 50_000))
        }
        throw new Error("the upload never ended")
      }
      await Promise.all([send(), send(), send()])
      const { id } = (await beginUpload(rest.url, driver.token, picture)).body
      const response = await fetch(await linkTo(id, driver.token))
      expect(hashOf(new Uint8Array(await response.arrayBuffer()))).toBe(hashOf(picture))
    })

    it("goes on from the beginning when the storage has lost what it had", async () => {
      const picture = newPicture()
      const { id } = (await beginUpload(rest.url, driver.token, picture)).body
      await sendPart(rest.url, driver.token, id, 0, picture.subarray(0, 400))
      for (const key of place.keys(`uploads/${bareId("file", id)}/`)) place.drop(key)
      const answer = await sendPart(rest.url, driver.token, id, 400, picture.subarray(400))
      expect([answer.status, answer.headers.get("upload-offset")]).toEqual([409, "0"])
      expect((await sendPart(rest.url, driver.token, id, 0, picture)).body.stored_at).not.toBeNull()
    })

    it("is refused with what is wrong with it", async () => {
      const picture = newPicture()
      const bad = [
        { mime: "image/svg+xml" },
        { bytes: 0 },
        { bytes: 1e9 },
        { sha256: "AB".repeat(32) },
        { purpose: "x" }
      ]
      for (const more of bad) {
        const answer = await beginUpload(rest.url, driver.token, picture, more)
        expect([answer.status, answer.body.code], JSON.stringify(more)).toEqual([422, "invalid_body"])
      }
      const { id } = (await beginUpload(rest.url, driver.token, picture)).body
      const part = (offset: string, bytes: Uint8Array, type?: string) =>
        sendPart(rest.url, driver.token, id, offset, bytes, type)
      expect((await part("-1", picture)).body.code).toBe("invalid_header")
      expect((await part("0", picture, "application/json")).body.code).toBe("unsupported_media_type")
      expect((await part("0", newPicture(1_001))).body.code).toBe("body_too_large")
      expect((await part("0", newPicture(1024 * 1024 + 1))).body.code).toBe("body_too_large")
      const large = (await beginUpload(rest.url, driver.token, newPicture(), { bytes: 100_001 })).body
      const small = await sendPart(rest.url, driver.token, large.id, 0, newPicture(100))
      expect([small.status, small.body.code, small.headers.get("upload-offset")]).toEqual([422, "part_too_small", "0"])
      expect((await sendPart(rest.url, driver.token, large.id, 0, newPicture(101))).body.offset).toBe(101)
      expect((await stateOf(id, driver.token)).body.offset).toBe(0)
    })
  })

  describe("a file", () => {
    it("is known to its uploader and to staff, and to nobody else", async () => {
      const { id } = await upload(rest.url, driver.token, newPicture())
      for (const token of [driver.token, admin]) expect((await stateOf(id, token)).status).toBe(200)
      for (const token of [customer, (await newDriver(rest.url, admin)).token]) {
        for (const path of ["", "/download"]) {
          const answer = await call(rest.url, "GET", `/v1/files/${id}${path}`, { token })
          expect([answer.status, answer.body.code]).toEqual([404, "not_found"])
        }
        expect((await sendPart(rest.url, token, id, 0, newPicture(1))).status).toBe(404)
      }
      expect((await sendPart(rest.url, admin, id, 0, newPicture(1))).status).toBe(404)
    })

    it("that is not whole has no link", async () => {
      const { id } = (await beginUpload(rest.url, driver.token, newPicture())).body
      const answer = await call(rest.url, "GET", `/v1/files/${id}/download`, { token: driver.token })
      expect([answer.status, answer.body.code]).toEqual([409, "file_unfinished"])
    })

    it("is opened by its link alone, until that expires", async () => {
      const { id } = await upload(rest.url, driver.token, newPicture())
      const other = await upload(rest.url, driver.token, newPicture())
      const link = new URL(await linkTo(id, driver.token))
      const changed = (name: string, value: string): string => {
        const url = new URL(link)
        url.searchParams.set(name, value)
        return url.href
      }
      const codeOf = async (url: string) => ((await (await fetch(url)).json()) as { code: string }).code
      expect(await codeOf(changed("expires", "9999999999"))).toBe("link_invalid")
      expect(await codeOf(changed("signature", "A".repeat(43)))).toBe("link_invalid")
      expect(await codeOf(link.href.replace(id, other.id))).toBe("link_invalid")
      const short = await startRest({ databaseUrl: rest.databaseUrl, limits: { downloadLinkTtlS: -10 } })
      try {
        const old = await call<{ url: string }>(short.url, "GET", `/v1/files/${id}/download`, { token: driver.token })
        expect(await codeOf(old.body.url)).toBe("link_expired")
      } finally {
        await short.stop()
      }
    })

    it("is sent in the range that is asked for", async () => {
      const picture = newPicture(150_000)
      const { id } = await upload(rest.url, driver.token, picture)
      const link = await linkTo(id, driver.token)
      const ranges = [
        ["bytes=0-9", 0, 10],
        ["bytes=100000-", 100_000, 150_000],
        ["bytes=-5", 149_995, 150_000],
        ["bytes=70000-999999", 70_000, 150_000]
      ] as const
      for (const [range, from, to] of ranges) {
        const response = await fetch(link, { headers: { range } })
        expect([response.status, response.headers.get("content-range")]).toEqual([
          206,
          `bytes ${from}-${to - 1}/150000`
        ])
        expect(hashOf(new Uint8Array(await response.arrayBuffer()))).toBe(hashOf(picture.subarray(from, to)))
      }
      const beyond = await fetch(link, { headers: { range: "bytes=150000-" } })
      expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, "bytes */150000"])
      expect((await fetch(link, { headers: { range: "bytes=0-1,5-6" } })).status).toBe(200)
      const head = await fetch(link, { method: "HEAD" })
      expect([head.status, head.headers.get("content-length")]).toEqual([200, "150000"])
    })
  })
})
