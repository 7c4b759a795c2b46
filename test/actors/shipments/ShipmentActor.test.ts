import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import { expect, it, onTestFinished } from "vitest"
import { SeededRandom } from "../../../src/domain/simulation/SeededRandom.ts"
import { foldProblems } from "../../kit/FoldedShipments.ts"
import { newShipment } from "../../kit/PlacedOrder.ts"
import { promiseSeed } from "../../kit/PromiseSize.ts"
import { adminToken, call, newDriver } from "../../kit/RestCaller.ts"
import { type RestOptions, startRest } from "../../kit/RestServer.ts"
import { until } from "../../kit/Until.ts"

/** Nodes over one database that know nothing of each other, with staff, a few drivers and a count of how often a state was read. */
const twoNodes = async (options: RestOptions = {}, nodes = 2) => {
  const loads = { count: 0 }
  const faultAt: RestOptions["faultAt"] = (name) =>
    Effect.sync(() => {
      if (name === "shipment.load") loads.count++
    })
  const first = await startRest({ faultAt, ...options })
  onTestFinished(() => first.stop())
  const urls = [first.url]
  for (let node = 1; node < nodes; node++) {
    const other = await startRest({ faultAt, ...options, databaseUrl: first.databaseUrl })
    onTestFinished(() => other.stop())
    urls.push(other.url)
  }
  const admin = await adminToken(first.url)
  const drivers = await Promise.all(Array.from({ length: 4 }, async () => (await newDriver(first.url, admin)).id))
  const ask = (url: string, shipmentId: string, what: string, body: unknown = {}, key?: string) =>
    call<{ code?: string; driver_id?: string; fencing_token?: number }>(
      url,
      "POST",
      `/v1/shipments/${shipmentId}/${what}`,
      { token: admin, body, ...(key === undefined ? {} : { headers: { "idempotency-key": key } }) }
    )
  return { first, urls, admin, drivers, ask, loads }
}

it("reads its shipment once, remembers it between commands, and reads it again after it was passivated", async () => {
  const { first, admin, drivers, ask, loads } = await twoNodes({ limits: { shipmentIdleMs: 300 } }, 1)
  const { shipmentId } = await newShipment(first.url, admin)
  await ask(first.url, shipmentId, "assign", { driver_id: drivers[0] })
  await ask(first.url, shipmentId, "reassign", { driver_id: drivers[1] })
  await ask(first.url, shipmentId, "unassign")
  expect(loads.count).toBe(1)
  await until(
    "the idle actor to be let go of",
    async () => (await call(first.url, "GET", "/metrics")).text,
    (metrics) => /^effect_cluster_entities\{[^}]*type="Shipment"[^}]*\} 0$/m.test(metrics)
  )
  const answer = await ask(first.url, shipmentId, "assign", { driver_id: drivers[2] })
  expect(answer.body).toMatchObject({ driver_id: drivers[2], fencing_token: 3 })
  expect(loads.count).toBe(2)
  expect(await foldProblems(first.databaseUrl)).toEqual([])
})

it("alive on two nodes at once does no harm, whichever is asked what", { timeout: 120_000 }, async () => {
  const seed = promiseSeed()
  console.log(`seed ${seed}`)
  const random = new SeededRandom(seed)
  const { first, urls, admin, drivers, ask } = await twoNodes()
  const shipments = await Promise.all(Array.from({ length: 6 }, () => newShipment(first.url, admin)))
  const codes = new Set<string>()
  for (let round = 0; round < 40; round++) {
    const answers = await Promise.all(
      shipments.flatMap(({ shipmentId }) =>
        urls.map((url) => {
          const what = ["assign", "reassign", "unassign"][random.below(3)] ?? ""
          return ask(
            url,
            shipmentId,
            what,
            what === "unassign" ? {} : { driver_id: drivers[random.below(drivers.length)] }
          )
        })
      )
    )
    for (const { status, body } of answers) if (status !== 200) codes.add(`${status} ${body.code}`)
  }
  // What one node remembers never decides against what the other one did: refusals are those of the state machine.
  expect([...codes].filter((code) => !/^409 (illegal_transition|shipment_already_taken)$/.test(code))).toEqual([])
  expect(await foldProblems(first.databaseUrl)).toEqual([])
})

it("answers by what the other node did, although it remembers something older", async () => {
  const { urls, first, admin, drivers, ask } = await twoNodes()
  const [here = "", there = ""] = urls
  const { shipmentId } = await newShipment(first.url, admin)
  await ask(here, shipmentId, "assign", { driver_id: drivers[0] })
  await ask(there, shipmentId, "unassign")
  // To this node's memory the driver has the shipment, and assigning them would be a repetition.
  const again = await ask(here, shipmentId, "assign", { driver_id: drivers[0] })
  expect([again.status, again.body.fencing_token]).toEqual([200, 2])
  await ask(there, shipmentId, "reassign", { driver_id: drivers[1] })
  const late = await ask(here, shipmentId, "assign", { driver_id: drivers[0] })
  expect([late.status, late.body.code]).toEqual([409, "shipment_already_taken"])
})

it("keeps one answer for a key that two nodes get at once", async () => {
  const { urls, first, admin, drivers, ask } = await twoNodes()
  const { shipmentId } = await newShipment(first.url, admin)
  const key = randomUUID()
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => ask(urls[i % 2] ?? "", shipmentId, "assign", { driver_id: drivers[0] }, key))
  )
  const bodies = new Set(answers.filter(({ status }) => status === 200).map(({ text }) => text))
  expect(bodies.size).toBe(1)
  expect(answers.filter(({ status }) => status !== 200).map(({ body }) => body.code)).toEqual(
    answers.filter(({ status }) => status !== 200).map(() => "idempotency_in_flight")
  )
  const late = await ask(urls[1] ?? "", shipmentId, "assign", { driver_id: drivers[0] }, key)
  expect([late.text, late.headers.get("idempotent-replayed")]).toEqual([[...bodies][0], "true"])
})
