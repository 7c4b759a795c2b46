import { createHash } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { sha256Of, uploadFile } from "../../src/client/FileUpload.ts"
import { MessagesRest } from "../../src/client/MessagesRest.ts"
import { RestClient } from "../../src/client/RestClient.ts"
import { SeededRandom } from "../../src/domain/simulation/SeededRandom.ts"
import { newShipment } from "../kit/PlacedOrder.ts"
import { adminToken, newDriver } from "../kit/RestCaller.ts"
import { type RestServer, startRest } from "../kit/RestServer.ts"
import { newPicture } from "../kit/Uploads.ts"

let rest: RestServer
let admin: string

beforeAll(async () => {
  rest = await startRest()
  admin = await adminToken(rest.url)
})
afterAll(() => rest.stop())

const clientOf = (token: string, ask: typeof fetch = fetch): RestClient => {
  const client = new RestClient({ url: rest.url, fetch: ask })
  client.signInWith(token)
  return client
}

describe("an app", () => {
  it("uploads a picture over a network that loses requests and answers, and an earlier try is gone on with", async () => {
    const { token } = await newDriver(rest.url, admin)
    const bytes = newPicture(900_000)
    const random = new SeededRandom(7)
    const lossy: typeof fetch = async (input, init) => {
      if (random.chance(0.25)) throw new TypeError("fetch failed")
      const response = await fetch(input, init)
      if (random.chance(0.25)) throw new TypeError("fetch failed")
      return response
    }
    const file = { bytes, mime: "image/png", purpose: "proof" } as const
    const stored = await uploadFile(clientOf(token, lossy), file)
    expect(stored).toMatchObject({ bytes: 900_000, offset: 900_000, sha256: await sha256Of(bytes) })
    expect(stored.stored_at).not.toBeNull()
    expect(await uploadFile(clientOf(token), file)).toEqual(stored)
    expect(await sha256Of(bytes)).toBe(createHash("sha256").update(bytes).digest("hex"))
  }, 60_000)

  it("is told when the server does not take a file", async () => {
    const { token } = await newDriver(rest.url, admin)
    const empty = { bytes: new Uint8Array(), mime: "image/png", purpose: "proof" } as const
    await expect(uploadFile(clientOf(token), empty)).rejects.toMatchObject({ status: 422, code: "invalid_body" })
  })

  it("writes in an order's thread and reads it", async () => {
    const { orderId } = await newShipment(rest.url, admin)
    const messages = new MessagesRest(clientOf(admin))
    const threadId = orderId.replace("ord_", "thr_")
    const id = `msg_${crypto.randomUUID()}`
    await messages.write(threadId, { id, text: "hello" })
    await messages.write(threadId, { id, text: "hello" })
    await messages.readUpTo(threadId, id)
    expect((await messages.messages(threadId)).data.map(({ text }) => text)).toEqual(["hello"])
  })
})
