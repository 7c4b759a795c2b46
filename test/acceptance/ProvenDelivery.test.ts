import { expect, it, onTestFinished } from "vitest"
import type { Frame } from "../../src/protocol/FrameCodec.ts"
import { DriverClientFrame, DriverServerFrame } from "../../src/protocol/FrameType.ts"
import { BucketDouble } from "../kit/BucketDouble.ts"
import { newShipment } from "../kit/PlacedOrder.ts"
import { call, login, newCustomer, newDriver } from "../kit/RestCaller.ts"
import { processAdmin, ServerProcess } from "../kit/ServerProcess.ts"
import { until } from "../kit/Until.ts"
import { beginUpload, hashOf, newPicture, sendPart, upload } from "../kit/Uploads.ts"
import { commandId, helloFrame, WireClient } from "../kit/WireClient.ts"

interface Task {
  readonly assignment_id: string
  readonly fencing_token: number
}

interface Detail {
  readonly code?: string
  readonly allowed?: ReadonlyArray<string>
  readonly shipment_status?: string
}

interface Proof {
  readonly type: string
  readonly status: string
  readonly value: string | null
  readonly file_id: string | null
}

const wayThere = ["en_route_to_pickup", "at_pickup", "picked_up", "en_route", "arrived"]

/** A server whose files lie in a bucket that links lead to, and who has to do with a delivery. */
const openTown = async () => {
  const bucket = await BucketDouble.start()
  onTestFinished(() => bucket.goAway())
  const { url } = await ServerProcess.start({
    ...bucket.environment,
    FILES_S3_PUBLIC_URL: bucket.place.publicUrl
  })
  const { access_token: admin } = await login(url, processAdmin.email, processAdmin.password)
  const customer = (await newCustomer(url)).access_token

  /** A driver at the door of an order with these requirements, on a socket of their own. */
  const atTheDoor = async (more: Readonly<Record<string, unknown>>) => {
    const driver = await newDriver(url, admin)
    const wire = await WireClient.open(`${url.replace("http", "ws")}/v1/driver`)
    onTestFinished(() => wire.close())
    wire.send(helloFrame({ token: driver.token }))
    await wire.next(DriverServerFrame.welcome)
    const { orderId, shipmentId } = await newShipment(url, admin, customer, more)
    await call(url, "POST", `/v1/shipments/${shipmentId}/assign`, { token: admin, body: { driver_id: driver.id } })
    const [task] = await until(
      "the driver's task",
      () => (wire.of(DriverServerFrame.tasks).at(-1)?.[2] ?? []) as ReadonlyArray<Task>,
      (tasks) => tasks.length === 1
    )
    const report = async (action: string, payload: unknown, id = commandId()): Promise<readonly [boolean, Detail]> => {
      const before = wire.of(DriverServerFrame.result).length
      const command = [id, task?.assignment_id, task?.fencing_token, action, Date.now(), payload]
      wire.send([DriverClientFrame.task, ...command] as Frame)
      const results = await until(
        `the answer to ${action}`,
        () => wire.of(DriverServerFrame.result),
        (all) => all.length > before
      )
      const [, answered, ok, detail] = results.at(-1) ?? []
      expect(answered).toBe(id)
      return [ok === true, (detail ?? {}) as Detail]
    }
    for (const action of wayThere) expect((await report(action, {}))[0], action).toBe(true)
    return { driver, orderId, shipmentId, deliver: (payload: unknown) => report("delivered", payload) }
  }

  const pinOf = async (orderId: string): Promise<string> => {
    const path = `/v1/orders/${orderId}/tracking-sessions`
    const link = await call<{ token: string }>(url, "POST", path, { token: customer, body: {} })
    const page = await call<{ state: { delivery_pin?: string } }>(url, "GET", "/v1/tracking", {
      token: link.body.token
    })
    return page.body.state.delivery_pin ?? ""
  }

  const proofsOf = async (shipmentId: string) =>
    (
      await call<{ data: ReadonlyArray<Proof> }>(url, "GET", `/v1/shipments/${shipmentId}/proofs`, {
        token: customer
      })
    ).body.data

  const linkTo = async (fileId: string): Promise<string> =>
    (await call<{ url: string }>(url, "GET", `/v1/files/${fileId}/download`, { token: customer })).body.url

  return { url, admin, bucket, atTheDoor, pinOf, proofsOf, linkTo }
}

const delivered = [true, { shipment_status: "delivered" }]

it("a driver proves deliveries over their socket, and the customer sees what they were proved by", async () => {
  const { url, admin, bucket, atTheDoor, pinOf, proofsOf, linkTo } = await openTown()

  // The PIN of the customer's page: what is missing, what is wrong, what is right.
  const pinned = await atTheDoor({ delivery_requirements: ["pin"] })
  const pin = await pinOf(pinned.orderId)
  expect(pin).toMatch(/^\d{6}$/)
  const wrong = { proof: { type: "pin", value: pin === "000000" ? "000001" : "000000" } }
  expect(await pinned.deliver({})).toMatchObject([false, { code: "proof_required", allowed: ["pin"] }])
  expect(await pinned.deliver(wrong)).toMatchObject([false, { code: "proof_invalid", allowed: ["pin"] }])
  expect(await pinned.deliver({ proof: { type: "pin", value: pin } })).toMatchObject(delivered)
  expect(await proofsOf(pinned.shipmentId)).toMatchObject([{ type: "pin", status: "added", value: null }])

  // Five wrong ones lock it, also for the right one, until staff waive it.
  const locked = await atTheDoor({ delivery_requirements: ["pin"] })
  const right = await pinOf(locked.orderId)
  const guess = { proof: { type: "pin", value: right === "000000" ? "000001" : "000000" } }
  for (let tries = 0; tries < 5; tries++)
    expect(await locked.deliver(guess)).toMatchObject([false, { code: "proof_invalid", allowed: ["pin"] }])
  expect(await locked.deliver({ proof: { type: "pin", value: right } })).toMatchObject([
    false,
    { code: "proof_locked", allowed: ["pin"] }
  ])
  const waiver = { token: admin, body: { type: "pin", reason: "the customer's phone is broken" } }
  expect((await call(url, "POST", `/v1/shipments/${locked.shipmentId}/waive-proof`, waiver)).status).toBe(200)
  expect(await locked.deliver({})).toMatchObject(delivered)

  // A photo by its hash before there is a file, a signature that was uploaded before, the parcel's barcode, and a note.
  const proved = await atTheDoor({
    delivery_requirements: ["photo", "signature", "barcode", "note"],
    parcel_barcode: "AT-77"
  })
  const [photo, signature] = [newPicture(300_000), newPicture()]
  const signed = await upload(url, proved.driver.token, signature)
  const proofs = (barcode: string) => [
    { type: "photo", sha256: hashOf(photo) },
    { type: "signature", file_id: signed.id },
    { type: "barcode", value: barcode },
    { type: "note", value: "with the neighbour" }
  ]
  expect(await proved.deliver({ proof: { type: "photo" } })).toMatchObject([false, { code: "bad_value" }])
  expect(await proved.deliver({ proofs: proofs("AT-78") })).toMatchObject([
    false,
    { code: "proof_invalid", allowed: ["barcode"] }
  ])
  expect(await proofsOf(proved.shipmentId)).toEqual([])
  expect(await proved.deliver({ proofs: proofs("AT-77") })).toMatchObject(delivered)
  expect(await proofsOf(proved.shipmentId)).toMatchObject([
    { type: "photo", status: "pending", file_id: null },
    { type: "signature", status: "added", file_id: signed.id },
    { type: "barcode", status: "added", value: "AT-77" },
    { type: "note", status: "added", value: "with the neighbour" }
  ])

  // The photo comes afterwards, in parts, and the customer's link to it leads to the bucket.
  const begun = await beginUpload(url, proved.driver.token, photo)
  const half = await sendPart(url, proved.driver.token, begun.body.id, 0, photo.subarray(0, 150_000))
  expect((await proofsOf(proved.shipmentId))[0]?.status).toBe("pending")
  await sendPart(url, proved.driver.token, begun.body.id, half.body.offset, photo.subarray(half.body.offset))
  expect((await proofsOf(proved.shipmentId))[0]).toMatchObject({ status: "added", file_id: begun.body.id })
  const link = await linkTo(begun.body.id)
  expect(new URL(link).origin).toBe(bucket.place.endpoint)
  expect(hashOf(new Uint8Array(await (await fetch(link)).arrayBuffer()))).toBe(hashOf(photo))
}, 120_000)
