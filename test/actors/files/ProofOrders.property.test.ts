import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Shipments } from "../../../src/actors/shipments/Shipments.ts"
import { bareId } from "../../../src/domain/Ids.ts"
import { SeededRandom } from "../../../src/domain/simulation/SeededRandom.ts"
import { taskActions } from "../../../src/domain/TaskAction.ts"
import { inRowScope, systemScope } from "../../../src/persistence/RowScope.ts"
import { foldProblems } from "../../kit/FoldedShipments.ts"
import { runSeed } from "../../kit/LooseEncoding.ts"
import { newShipment } from "../../kit/PlacedOrder.ts"
import { adminToken, call, newDriver } from "../../kit/RestCaller.ts"
import { type RestServer, startRest } from "../../kit/RestServer.ts"
import { hashOf, newPicture, upload } from "../../kit/Uploads.ts"

const seed = runSeed()

let rest: RestServer
let admin: string

beforeAll(async () => {
  rest = await startRest()
  admin = await adminToken(rest.url)
})
afterAll(() => rest.stop())

const untilDelivered = taskActions.slice(0, taskActions.indexOf("delivered") + 1)

/** One parcel, assigned: the log of a phone that was offline all the way, and the pictures that it took at the door. */
const parcel = async (driver: { readonly id: string; readonly token: string }, pictures: ReadonlyArray<Uint8Array>) => {
  const { orderId, shipmentId } = await newShipment(rest.url, admin, admin, { delivery_requirements: ["photo"] })
  const { body } = await call<{ id: string; fencing_token: number }>(
    rest.url,
    "POST",
    `/v1/shipments/${shipmentId}/assign`,
    { token: admin, body: { driver_id: driver.id } }
  )
  const atMs = Date.now()
  const commands = untilDelivered.map((action) => ({
    commandId: randomUUID(),
    assignmentId: bareId("assignment", body.id) ?? "",
    fencingToken: body.fencing_token,
    action,
    occurredAtMs: atMs,
    payload:
      action === "delivered"
        ? { proofs: pictures.map((picture) => ({ type: "photo" as const, sha256: hashOf(picture) })) }
        : {}
  }))
  const replay = async (): Promise<void> => {
    for (const command of commands) {
      const sent = Effect.flatMap(Shipments, (shipments) => shipments.task(bareId("driver", driver.id) ?? "", command))
      const verdict = await rest.run(sent)
      if (!verdict.ok) throw new Error(`${command.action} was refused: ${JSON.stringify(verdict.detail)}`)
    }
  }
  return {
    orderId,
    shipmentId,
    replay,
    sendPictures: pictures.map((picture) => () => upload(rest.url, driver.token, picture))
  }
}

const addedEvents = (orderId: string) =>
  rest.run(
    inRowScope(
      systemScope,
      Effect.flatMap(
        SqlClient.SqlClient,
        (sql) => sql<{ proof: string }>`SELECT data ->> 'proof_id' AS proof FROM shipment_events
          WHERE order_id = ${bareId("order", orderId) ?? ""} AND type = 'proof.added'`
      )
    )
  )

describe("proofs of an offline phone", () => {
  it(`whatever the order of deliveries and uploads, every proof is added once (PROMISE_SEED=${seed})`, async () => {
    const random = new SeededRandom(seed)
    for (let round = 0; round < 12; round++) {
      const driver = await newDriver(rest.url, admin)
      // The second parcel shares a picture with the first: two parcels, one doorstep.
      const shared = newPicture()
      const parcels = [await parcel(driver, [shared, newPicture()]), await parcel(driver, [shared])]
      const work = parcels.flatMap(({ replay, sendPictures }) => [replay, ...sendPictures])
      // Everything may come twice, in any order, and in bursts at once.
      const moves = [...work, ...work]
        .map((move) => ({ move, at: random.next() }))
        .sort((a, b) => a.at - b.at)
        .map(({ move }) => move)
      while (moves.length > 0) await Promise.all(moves.splice(0, 1 + random.below(4)).map((move) => move()))
      for (const [index, { orderId, shipmentId }] of parcels.entries()) {
        const listed = await call<{ data: ReadonlyArray<{ id: string; status: string; file_id: string | null }> }>(
          rest.url,
          "GET",
          `/v1/shipments/${shipmentId}/proofs`,
          { token: admin }
        )
        const context = `seed ${seed}, round ${round}`
        expect(
          listed.body.data.map(({ status }) => status),
          context
        ).toEqual(index === 0 ? ["added", "added"] : ["added"])
        const told = (await addedEvents(orderId)).map(({ proof }) => `prf_${proof}`)
        expect(told.sort(), context).toEqual(listed.body.data.map(({ id }) => id).sort())
      }
    }
    expect(await foldProblems(rest.databaseUrl)).toEqual([])
  }, 120_000)
})
