import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { assignTo, confirmedOrder } from "../kit/EngineOrders.ts"
import { type EngineUnderTest, startEngine, type TestDriver } from "../kit/EngineUnderTest.ts"
import { signIn } from "../kit/SignedIn.ts"
import { until } from "../kit/Until.ts"
import type { WireClient } from "../kit/WireClient.ts"

let engine: EngineUnderTest
let other: EngineUnderTest

beforeAll(async () => {
  engine = await startEngine()
  other = await startEngine({
    databaseUrl: engine.databaseUrl,
    redisUrl: engine.redisUrl,
    env: { nodeName: "test-2" }
  })
})
afterAll(async () => {
  await other.drop()
  await engine.drop()
})

/** Writes as staff would over REST, wherever that is; answers the message's id. */
const write = async (orderId: string, text: string, author?: TestDriver): Promise<string> => {
  const id = randomUUID()
  await engine.rows(
    `INSERT INTO message_threads (id, context_type, context_id, channel) VALUES ($1, 'order', $1, 'web') ON CONFLICT DO NOTHING`,
    [orderId]
  )
  await engine.rows("INSERT INTO messages (id, thread_id, author_driver_id, body) VALUES ($1, $2, $3, $4)", [
    id,
    orderId,
    author?.driverId ?? null,
    text
  ])
  return id
}

const texts = (phone: WireClient): ReadonlyArray<string> =>
  phone.of(DriverServerFrame.message).map((frame) => (frame[2] as { readonly text: string }).text)

const hears = (phone: WireClient, wanted: ReadonlyArray<string>) =>
  until(
    "the messages",
    () => [...new Set(texts(phone))],
    (heard) => JSON.stringify(heard) === JSON.stringify(wanted)
  )

const bringing = async () => {
  const driver = await engine.driver()
  const { orderId, shipmentId } = await confirmedOrder(engine)
  await assignTo(engine, shipmentId, driver.driverId)
  return { driver, orderId, shipmentId }
}

describe("MESSAGE", () => {
  it("reaches every device of the driver who brings the parcel, on any node, with who wrote it", async () => {
    const { driver, orderId } = await bringing()
    const { phone } = await signIn(engine, driver)
    const { phone: tablet } = await signIn(other, driver, { deviceId: "tablet" })
    const id = await write(orderId, "ring twice")
    for (const device of [phone, tablet]) await hears(device, ["ring twice"])
    const [, threadId, message] = phone.of(DriverServerFrame.message)[0] ?? []
    expect(threadId).toBe(`thr_${orderId}`)
    expect(message).toEqual({
      message_id: `msg_${id}`,
      author_role: "system",
      text: "ring twice",
      attachments: [],
      created_at: expect.any(Number)
    })
    const [task] = (phone.of(DriverServerFrame.tasks).at(-1)?.[2] ?? []) as ReadonlyArray<{ contact: unknown }>
    expect(task?.contact).toEqual({ first_name: "Gina", thread_id: `thr_${orderId}` })
    await phone.close()
    await tablet.close()
  })

  it("that came while the phone was away follows the welcome until it is read, in order", async () => {
    const { driver, orderId } = await bringing()
    const first = await write(orderId, "one")
    await write(orderId, "two")
    const { phone } = await signIn(engine, driver)
    await hears(phone, ["one", "two"])
    await phone.close()
    await engine.rows(
      "INSERT INTO message_reads (thread_id, user_id, read_at) SELECT thread_id, $2, created_at FROM messages WHERE id = $1",
      [first, driver.userId]
    )
    const { phone: again } = await signIn(engine, driver)
    await hears(again, ["two"])
    await again.close()
  })

  it("is never missed by a phone that comes while it is written", async () => {
    for (let round = 0; round < 10; round++) {
      const { driver, orderId } = await bringing()
      const [{ phone }] = await Promise.all([signIn(engine, driver), write(orderId, `round ${round}`)])
      await hears(phone, [`round ${round}`])
      await phone.close()
    }
  })

  it("is not for the driver who wrote it, nor for one who does not bring the parcel", async () => {
    const { driver, orderId } = await bringing()
    const stranger = await bringing()
    const { phone } = await signIn(engine, driver)
    const { phone: strangers } = await signIn(engine, stranger.driver)
    await write(orderId, "my own words", driver)
    await write(orderId, "for the carrier")
    await write(stranger.orderId, "for the stranger")
    await hears(phone, ["for the carrier"])
    await hears(strangers, ["for the stranger"])
    await phone.close()
    await strangers.close()
  })
})
