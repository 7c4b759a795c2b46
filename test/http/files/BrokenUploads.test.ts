import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { FaultPointName } from "../../../src/config/FaultPoint.ts"
import { bareId } from "../../../src/domain/Ids.ts"
import { type FilePlace, filePlaces } from "../../kit/FilePlaces.ts"
import { adminToken, call, newDriver } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"
import { beginUpload, hashOf, newPicture, sendPart, type UploadedFile } from "../../kit/Uploads.ts"

// What a kill between two steps leaves behind is what dying there leaves behind.
describe.each(filePlaces)("in %s, an upload that breaks off", (_, openPlace) => {
  let place: FilePlace
  let rest: RestServer
  let token: string
  let broken: FaultPointName | undefined

  beforeAll(async () => {
    place = await openPlace()
    const faultAt = (name: FaultPointName): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (name !== broken) return Effect.void
        broken = undefined
        return Effect.die(new Error(`broken at ${name}`))
      })
    rest = await startRest({ files: place.storage, faultAt })
    token = (await newDriver(rest.url, await adminToken(rest.url))).token
  })
  afterAll(async () => {
    await rest.stop()
    await place.close()
  })

  const stands = async (picture: Uint8Array): Promise<UploadedFile> =>
    (await beginUpload(rest.url, token, picture)).body

  const download = async (id: string): Promise<string> => {
    const link = await call<{ url: string }>(rest.url, "GET", `/v1/files/${id}/download`, { token })
    return hashOf(new Uint8Array(await (await fetch(link.body.url)).arrayBuffer()))
  }

  it("after a part is kept and before it counts is sent that part again, of any length", async () => {
    const picture = newPicture()
    const { id } = await stands(picture)
    await sendPart(rest.url, token, id, 0, picture.subarray(0, 400))
    broken = "upload.kept"
    expect((await sendPart(rest.url, token, id, 400, picture.subarray(400, 900))).status).toBe(500)
    expect(await stands(picture)).toMatchObject({ offset: 400, stored_at: null })
    expect((await sendPart(rest.url, token, id, 400, picture.subarray(400, 500))).body.offset).toBe(500)
    expect((await sendPart(rest.url, token, id, 500, picture.subarray(500))).body.stored_at).not.toBeNull()
    expect(place.keys(`uploads/${bareId("file", id)}/`).length).toBeGreaterThanOrEqual(4)
    expect(await download(id)).toBe(hashOf(picture))
  })

  it("after it is whole is ended by an empty part, whether its file was there already or not", async () => {
    const picture = newPicture()
    const { id } = await stands(picture)
    broken = "upload.sealed"
    expect((await sendPart(rest.url, token, id, 0, picture)).status).toBe(500)
    expect(await stands(picture)).toMatchObject({ offset: picture.length, stored_at: null })
    for (const key of place.keys(`uploads/${bareId("file", id)}/`)) place.drop(key)
    const ended = await sendPart(rest.url, token, id, picture.length, new Uint8Array())
    expect([ended.status, ended.body.stored_at]).toEqual([200, expect.any(String)])
    expect(await download(id)).toBe(hashOf(picture))
  })

  it("takes nothing that comes late in place of what was acknowledged", async () => {
    const picture = newPicture()
    const { id } = await stands(picture)
    const both = await Promise.all([
      sendPart(rest.url, token, id, 0, picture.subarray(0, 300)),
      sendPart(rest.url, token, id, 0, picture.subarray(0, 600))
    ])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409])
    const { offset } = await stands(picture)
    expect(offset).toBe(both.find(({ status }) => status === 200)?.body.offset)
    expect((await sendPart(rest.url, token, id, offset, picture.subarray(offset))).body.stored_at).not.toBeNull()
    expect(await download(id)).toBe(hashOf(picture))
  })
})
