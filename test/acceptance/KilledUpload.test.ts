import { expect, it, onTestFinished } from "vitest"
import { BucketDouble } from "../kit/BucketDouble.ts"
import { call, login, newDriver } from "../kit/RestCaller.ts"
import { processAdmin, type ServerEnvironment, ServerProcess } from "../kit/ServerProcess.ts"
import { beginUpload, hashOf, newPicture, sendPart } from "../kit/Uploads.ts"

const partBytes = 64 * 1024

const inFolder = async (): Promise<ServerEnvironment> => ({})

const inBucket = async (): Promise<ServerEnvironment> => {
  const bucket = await BucketDouble.start()
  onTestFinished(() => bucket.goAway())
  return bucket.environment
}

it.each([
  ["a folder", inFolder],
  ["a bucket", inBucket]
])(
  "an upload into %s whose server is killed again and again goes on from where it stood, and ends whole",
  async (_, environment) => {
    const server = await ServerProcess.start(await environment())
    const { access_token: admin } = await login(server.url, processAdmin.email, processAdmin.password)
    const { token } = await newDriver(server.url, admin)
    const picture = newPicture(20 * partBytes + 17)
    const begin = async () => (await beginUpload(server.url, token, picture)).body
    let lowest = 0
    for (let kills = 0; kills < 3; kills++) {
      const { id, offset } = await begin()
      expect(offset).toBeGreaterThanOrEqual(lowest)
      let at = offset
      for (let parts = 0; parts < 3; parts++) {
        const { body } = await sendPart(server.url, token, id, at, picture.subarray(at, at + partBytes))
        at = body.offset
      }
      lowest = at
      // One more is on its way when the server dies: whether it counts, only the next start can say.
      const dying = sendPart(server.url, token, id, at, picture.subarray(at, at + partBytes)).catch(() => undefined)
      await server.kill9()
      await dying
      await server.startAgain()
    }
    for (;;) {
      const { id, offset, stored_at } = await begin()
      if (stored_at !== null) {
        const link = await call<{ url: string }>(server.url, "GET", `/v1/files/${id}/download`, { token })
        const bytes = new Uint8Array(await (await fetch(link.body.url)).arrayBuffer())
        expect(hashOf(bytes)).toBe(hashOf(picture))
        return
      }
      expect(offset).toBeGreaterThanOrEqual(lowest)
      const sent = await sendPart(server.url, token, id, offset, picture.subarray(offset, offset + partBytes))
      expect(sent.status).toBe(200)
      lowest = sent.body.offset
    }
  },
  180_000
)
