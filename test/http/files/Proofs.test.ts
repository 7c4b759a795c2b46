import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { Shipments } from "../../../src/actors/shipments/Shipments.ts"
import type { Verdict } from "../../../src/actors/shipments/Verdict.ts"
import { bareId } from "../../../src/domain/Ids.ts"
import { taskActions } from "../../../src/domain/TaskAction.ts"
import type { TaskPayload } from "../../../src/domain/TaskPayload.ts"
import { inRowScope, systemScope } from "../../../src/persistence/RowScope.ts"
import { foldProblems } from "../../kit/FoldedShipments.ts"
import { newShipment } from "../../kit/PlacedOrder.ts"
import { adminToken, call, newCustomer, newDriver, type Tokens } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"
import { beginUpload, hashOf, newPicture, upload } from "../../kit/Uploads.ts"

interface Proof {
  readonly id: string
  readonly type: string
  readonly status: string
  readonly value: string | null
  readonly file_id: string | null
}

interface Listed {
  readonly data: ReadonlyArray<Proof>
}

/** A parcel at the door: only `delivered` is missing. */
interface AtTheDoor {
  readonly orderId: string
  readonly shipmentId: string
  readonly driver: { readonly id: string; readonly token: string }
  readonly deliver: (payload: TaskPayload, commandId?: string) => Promise<Verdict>
}

let rest: RestServer
let admin: string
let customer: Tokens

beforeAll(async () => {
  rest = await startRest()
  admin = await adminToken(rest.url)
  customer = await newCustomer(rest.url)
})
afterAll(() => rest.stop())
afterEach(async () => {
  expect(await foldProblems(rest.databaseUrl)).toEqual([])
})

const untilArrived = taskActions.slice(0, taskActions.indexOf("delivered"))

const atTheDoor = async (more: Readonly<Record<string, unknown>>): Promise<AtTheDoor> => {
  const atMs = Date.now()
  const driver = await newDriver(rest.url, admin)
  const { orderId, shipmentId } = await newShipment(rest.url, admin, customer.access_token, more)
  const { body: assignment } = await call<{ id: string; fencing_token: number }>(
    rest.url,
    "POST",
    `/v1/shipments/${shipmentId}/assign`,
    { token: admin, body: { driver_id: driver.id } }
  )
  const report = (action: (typeof taskActions)[number], payload: TaskPayload, commandId: string = randomUUID()) =>
    rest.run(
      Effect.flatMap(Shipments, (shipments) =>
        shipments.task(bareId("driver", driver.id) ?? "", {
          commandId,
          assignmentId: bareId("assignment", assignment.id) ?? "",
          fencingToken: assignment.fencing_token,
          action,
          occurredAtMs: atMs,
          payload
        })
      )
    )
  for (const action of untilArrived) expect((await report(action, {})).ok, action).toBe(true)
  return { orderId, shipmentId, driver, deliver: (payload, id) => report("delivered", payload, id) }
}

const proofsOf = async (shipmentId: string, token = admin) =>
  (await call<Listed>(rest.url, "GET", `/v1/shipments/${shipmentId}/proofs`, { token })).body.data

/** One statement of the server's own. */
const rowsOf = <Row extends object>(
  ask: (sql: SqlClient.SqlClient) => Effect.Effect<ReadonlyArray<Row>, SqlError.SqlError>
) => rest.run(inRowScope(systemScope, Effect.flatMap(SqlClient.SqlClient, ask)))

const logOf = (orderId: string) =>
  rowsOf(
    (sql) =>
      sql<{ type: string; data: Record<string, unknown> }>`SELECT type, data FROM shipment_events
        WHERE order_id = ${bareId("order", orderId) ?? ""} ORDER BY event_no`
  )

const pinOf = async (orderId: string): Promise<unknown> => {
  const link = await call<{ token: string }>(rest.url, "POST", `/v1/orders/${orderId}/tracking-sessions`, {
    token: customer.access_token,
    body: {}
  })
  const snapshot = await call<{ state: { delivery_pin?: string } }>(rest.url, "GET", "/v1/tracking", {
    token: link.body.token
  })
  return snapshot.body.state.delivery_pin
}

const photoOf = (picture: Uint8Array) => ({ type: "photo", sha256: hashOf(picture) }) as const

describe("a delivery", () => {
  it("without the proofs that its order requires is refused and can be given them", async () => {
    const { deliver, shipmentId, driver } = await atTheDoor({ delivery_requirements: ["photo", "note"] })
    const stops = await call<{ data: ReadonlyArray<{ requirements: ReadonlyArray<string> }> }>(
      rest.url,
      "GET",
      `/v1/shipments/${shipmentId}/stops`,
      { token: admin }
    )
    expect(stops.body.data.map(({ requirements }) => requirements)).toEqual([[], ["photo", "note"]])
    const picture = newPicture()
    expect(await deliver({ proof: photoOf(picture) })).toMatchObject({
      ok: false,
      detail: { code: "proof_required", allowed: ["note"] }
    })
    const { id } = await upload(rest.url, driver.token, picture)
    const proofs = [photoOf(picture), { type: "note", value: "with the neighbour" }] as const
    expect(await deliver({ proofs })).toMatchObject({ ok: true })
    expect(await proofsOf(shipmentId)).toMatchObject([
      { type: "photo", status: "added", file_id: id },
      { type: "note", status: "added", value: "with the neighbour", file_id: null }
    ])
  })

  it("is required what the shop says, unless its order says otherwise", async () => {
    const set = (value: unknown) =>
      rest.run(
        Effect.flatMap(
          SqlClient.SqlClient,
          (sql) =>
            sql`UPDATE system_settings SET value = ${JSON.stringify(value)}::text::jsonb WHERE key = 'delivery.requirements'`
        )
      )
    await set(["signature", "nonsense"])
    try {
      const shops = await atTheDoor({})
      expect((await shops.deliver({})).detail).toMatchObject({ code: "proof_required", allowed: ["signature"] })
      const own = await atTheDoor({ delivery_requirements: [] })
      expect((await own.deliver({})).ok).toBe(true)
    } finally {
      await set([])
    }
  })

  it("takes the PIN that the customer's page shows, keeps it nowhere, and counts wrong ones", async () => {
    const { deliver, orderId, shipmentId } = await atTheDoor({ delivery_requirements: ["pin"] })
    const pin = String(await pinOf(orderId))
    expect(pin).toMatch(/^\d{6}$/)
    const wrong = { proof: { type: "pin", value: pin === "000000" ? "000001" : "000000" } } as const
    const id = randomUUID()
    for (let again = 0; again < 3; again++)
      expect((await deliver(wrong, id)).detail).toMatchObject({ code: "proof_invalid", allowed: ["pin"] })
    const counted = await rowsOf(
      (sql) => sql`SELECT wrong_pins FROM shipments WHERE id = ${bareId("shipment", shipmentId) ?? ""}`
    )
    expect(counted).toEqual([{ wrong_pins: 1 }])
    expect((await deliver({ proof: { type: "pin", value: pin } })).ok).toBe(true)
    expect(await proofsOf(shipmentId)).toMatchObject([{ type: "pin", status: "added", value: null }])
    expect(JSON.stringify(await logOf(orderId))).not.toContain(pin)
    expect(await pinOf(orderId)).toBeUndefined()
  })

  it("with five wrong PINs, also all at once, is for a dispatcher to settle", async () => {
    const { deliver, orderId, shipmentId } = await atTheDoor({ delivery_requirements: ["pin"] })
    const pin = String(await pinOf(orderId))
    const wrong = pin === "000000" ? "000001" : "000000"
    const tries = await Promise.all(Array.from({ length: 9 }, () => deliver({ proof: { type: "pin", value: wrong } })))
    const codes = tries.map(({ detail }) => detail?.code).sort()
    expect(codes).toEqual([...Array(5).fill("proof_invalid"), ...Array(4).fill("proof_locked")])
    expect((await deliver({ proof: { type: "pin", value: pin } })).detail).toMatchObject({ code: "proof_locked" })
    const waived = await call(rest.url, "POST", `/v1/shipments/${shipmentId}/waive-proof`, {
      token: admin,
      body: { type: "pin", reason: "the customer's phone is broken" }
    })
    expect(waived.status).toBe(200)
    expect((await deliver({})).ok).toBe(true)
    expect((await logOf(orderId)).find(({ type }) => type === "proof.waived")?.data).toMatchObject({ type: "pin" })
  })

  it("compares the barcode with the parcel's", async () => {
    const { deliver } = await atTheDoor({ delivery_requirements: ["barcode"], parcel_barcode: "AT-77" })
    expect((await deliver({ proof: { type: "barcode", value: "AT-78" } })).detail).toMatchObject({
      code: "proof_invalid"
    })
    expect((await deliver({ proof: { type: "barcode", value: "AT-77" } })).ok).toBe(true)
  })

  it("takes a photo by its hash before it is uploaded, and tells when it has come", async () => {
    const { deliver, orderId, shipmentId, driver } = await atTheDoor({ delivery_requirements: ["photo"] })
    const picture = newPicture()
    expect((await deliver({ proof: photoOf(picture) })).ok).toBe(true)
    expect(await proofsOf(shipmentId)).toMatchObject([{ status: "pending", file_id: null }])
    const told = async () => (await logOf(orderId)).filter(({ type }) => type === "proof.added").length
    expect(await told()).toBe(0)
    await upload(rest.url, (await newDriver(rest.url, admin)).token, picture)
    expect(await told()).toBe(0)
    const { id } = await upload(rest.url, driver.token, picture)
    expect(await proofsOf(shipmentId)).toMatchObject([{ status: "added", file_id: id }])
    expect(await told()).toBe(1)
    await upload(rest.url, driver.token, picture)
    expect(await told()).toBe(1)
  })

  it("takes a photo by the id of an upload of its driver, finished or not, and of nobody else", async () => {
    const { deliver, shipmentId, driver } = await atTheDoor({ delivery_requirements: ["photo"] })
    const foreign = await upload(rest.url, (await newDriver(rest.url, admin)).token, newPicture())
    const byId = (id: string): TaskPayload => ({ proof: { type: "photo", file_id: bareId("file", id) ?? "" } })
    expect((await deliver(byId(foreign.id))).detail).toMatchObject({ code: "proof_invalid" })
    const picture = newPicture()
    const begun = await beginUpload(rest.url, driver.token, picture)
    expect((await deliver(byId(begun.body.id))).ok).toBe(true)
    await upload(rest.url, driver.token, picture)
    expect(await proofsOf(shipmentId)).toMatchObject([{ status: "added", file_id: begun.body.id }])
  })
})

describe("proofs", () => {
  it("are shown to staff and to the customer they are for, with the picture, and to nobody else", async () => {
    const { deliver, shipmentId, driver } = await atTheDoor({})
    const picture = newPicture()
    await deliver({ proof: photoOf(picture) })
    const { id } = await upload(rest.url, driver.token, picture)
    const stranger = (await newCustomer(rest.url)).access_token
    for (const token of [admin, customer.access_token]) {
      expect(await proofsOf(shipmentId, token)).toMatchObject([{ file_id: id }])
      const link = await call<{ url: string }>(rest.url, "GET", `/v1/files/${id}/download`, { token })
      expect(hashOf(new Uint8Array(await (await fetch(link.body.url)).arrayBuffer()))).toBe(hashOf(picture))
    }
    for (const token of [stranger, (await newDriver(rest.url, admin)).token]) {
      for (const path of [`/v1/shipments/${shipmentId}/proofs`, `/v1/files/${id}`, `/v1/files/${id}/download`])
        expect((await call(rest.url, "GET", path, { token })).status, path).toBe(404)
    }
  })

  it("whose file never comes are listed as missing, and only for staff", async () => {
    const { deliver, shipmentId } = await atTheDoor({})
    await deliver({ proof: photoOf(newPicture()) })
    await rowsOf(
      (sql) =>
        sql`UPDATE proofs SET created_at = now() - interval '2 hours' WHERE shipment_id = ${bareId("shipment", shipmentId) ?? ""}`
    )
    const list = (status: string, token: string) =>
      call<Listed & { code?: string }>(rest.url, "GET", `/v1/proofs?status=${status}`, { token })
    const missing = (await list("missing", admin)).body.data
    const [own] = await proofsOf(shipmentId)
    expect(own?.status).toBe("missing")
    expect(missing.map(({ id }) => id)).toContain(own?.id)
    expect((await list("added", admin)).body.data.map(({ id }) => id)).not.toContain(own?.id)
    expect((await list("missing", customer.access_token)).status).toBe(403)
  })
})
